"""`unseen export`: write a detector as an ONNX graph that needs no PyTorch."""

import argparse
import sys
from pathlib import Path

from unseen.commands.parsers import Commands, add_command
from unseen.commands.words import shown
from unseen.serve.detector_folders import detector_folder

HELP = """\
Export a detector to a folder that needs neither PyTorch nor this package: detector.onnx (from uint8 crops to logit
and calibrated score), face_detector.onnx, detector.json (preprocessing, threshold, scope) and example.py, which
scores the faces of a picture with NumPy, ONNX Runtime and Pillow. `unseen predict --backend onnx` reads it too.

Before the export is written, logits and verdicts of the graph are compared with PyTorch on faces, at batch
sizes 1, 2, 5 and 33. The faces are the validation faces of the detector, or those in `--faces`.
"""

EXIT = """\
exit codes:
  0  exported
  2  not exported: the check failed, there are no faces for it, or PyTorch can't export this network
"""


def run(arguments: argparse.Namespace) -> int:
    """Export a detector."""
    folder = detector_folder(arguments.detector)
    from unseen.core.garbage_collection import no_garbage_collection

    with no_garbage_collection():
        from unseen.serve.onnx.export import export

    done = export(folder, arguments.onnx, half=arguments.half, int8=arguments.int8, faces=arguments.faces)
    check = done.check
    print(f"{shown(str(done.folder))}: detector.onnx, {done.graph_bytes / 1e6:.1f} MB, {done.precision}")
    print(
        f"checked on {check['faces']} {check['source']}: logits differ by {check['largest_difference']:.2g} at most"
    )
    if done.precision == "int8":
        print(
            f"int8: AUC {check['auc']:.4f} on validation faces, {check['auc_of_float32']:.4f} before; "
            f"{check['verdicts_changed']} of {check['faces']} verdicts changed, at the new threshold",
            file=sys.stderr,
        )
    elif check["verdicts_changed"]:
        print(f"{check['verdicts_changed']} faces close to a limit have another verdict", file=sys.stderr)
    return 0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "export", run, "export a detector to ONNX", HELP, EXIT)
    parser.add_argument("detector", type=Path, metavar="DETECTOR", help="a detector's folder, or its name")
    parser.add_argument("--onnx", type=Path, required=True, metavar="DIR", help="write the export to this folder")
    parser.add_argument("--faces", type=Path, metavar="DIR", help="check on these face sets or pictures")
    parser.add_argument("--half", action="store_true", help="store the weights in float16: half the size")
    parser.add_argument(
        "--int8",
        action="store_true",
        help="quantise to int8, and fit a new threshold on validation faces; less accurate",
    )
