"""Detectors as ONNX graphs: export with a check against PyTorch, and scoring without PyTorch."""
