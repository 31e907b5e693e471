"""`unseen export`: what it prints, and its exit codes."""

from pathlib import Path

import pytest

from unseen.core.errors import UserError
from unseen.serve.onnx import export as exporting
from unseen.serve.onnx.export import Exported

from .program import run


@pytest.mark.parametrize(
    ("options", "precision", "printed"),
    [
        ([], "float32", []),
        (["--half"], "float16", ["3 faces close to a limit have another verdict"]),
        (["--int8"], "int8", ["int8: AUC 0.9000 on validation faces, 0.9500 before; 3 of 9 verdicts changed"]),
    ],
)
def test_what_was_checked_is_printed(
    options: list[str],
    precision: str,
    printed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = []
    check = {"faces": 9, "source": "validation faces of its training data", "largest_difference": 1.23e-5}
    check |= {"verdicts_changed": 3 if options else 0, "auc": 0.9, "auc_of_float32": 0.95}

    def export(folder: Path, out: Path, **options: object) -> Exported:
        asked.append((folder, out, options))
        return Exported(out, 7_000_000, precision, check)

    monkeypatch.setattr(exporting, "export", export)
    code, out, err = run(capsys, "export", tmp_path, "--onnx", "out", "--faces", "photos", *options)
    assert (code, out) == (
        0,
        [
            f"out: detector.onnx, 7.0 MB, {precision}",
            "checked on 9 validation faces of its training data: logits differ by 1.2e-05 at most",
        ],
    )
    assert [line[: len(text)] for line, text in zip(err, printed, strict=True)] == printed
    knobs = {"half": "--half" in options, "int8": "--int8" in options, "faces": Path("photos")}
    assert asked == [(tmp_path, Path("out"), knobs)]


def test_a_failed_check_is_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def export(*_: object, **__: object) -> Exported:
        raise UserError("the graph gives other logits")

    monkeypatch.setattr(exporting, "export", export)
    code, out, err = run(capsys, "export", tmp_path, "--onnx", "out")
    assert (code, out, err) == (2, [], ["unseen: the graph gives other logits"])
