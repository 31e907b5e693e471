"""Export detectors to ONNX with a check against PyTorch, and score without PyTorch."""
