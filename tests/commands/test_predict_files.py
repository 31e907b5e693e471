"""`unseen predict` with files: their content, going on after a stop, the frozen thresholds, the gallery."""

import csv
import errno
import html
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from serve.metadata.files import app11, jpeg, store
from serve.test_predict import encoded, make_artifact
from unseen.commands import predict_files
from unseen.faces.settings import FaceSettings
from unseen.serve import gallery, inputs
from unseen.serve.inputs import load_picture, read
from unseen.serve.outputs import COLUMNS_OF_FILES
from unseen.serve.predict import predict_groups

from .program import run


@pytest.fixture(scope="module")
def detector(
    tmp_path_factory: pytest.TempPathFactory, face_detector_model: bytes, face_settings: FaceSettings
) -> Path:
    """A detector's folder, not to be changed."""
    return make_artifact(tmp_path_factory.mktemp("models") / "drawn", face_detector_model, face_settings)


FILES = ("--csv", "o.csv", "--parquet", "o.parquet", "--jsonl", "o.jsonl")


@pytest.fixture
def photos(tmp_path: Path, orl_pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fourteen pictures with a face, in two folders, one without and one that is none; a group has four faces."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number, data in enumerate(list(orl_pictures.values())[:14]):
        (folder / ("more" if number % 2 else ".") / f"{number:02}.pgm").write_bytes(data)
    (folder / "05.png").write_bytes(encoded(Image.new("RGB", (64, 64)), "PNG"))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "note.txt").write_text("note")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predict_files, "predict_groups", lambda paths, loaded: predict_groups(paths, loaded, 4))
    return folder


def stop_after(groups: int) -> Callable[..., Iterator[Any]]:
    """`predict_groups` that is interrupted after some groups."""

    def stopped(*given: Any) -> Iterator[Any]:
        for number, group in enumerate(predict_groups(*given, 4)):
            if number == groups:
                raise KeyboardInterrupt
            yield group

    return stopped


def contents(folder: Path) -> dict[str, bytes]:
    """The outputs in a folder, and nothing else that a run leaves."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith(("o.", ".o."))}


def test_the_files_have_the_same_rows_as_the_lines(
    capsys: pytest.CaptureFixture[str],
    detector: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(predict_files, "predict_groups", predict_groups)
    code, out, err = run(capsys, "predict", "--detector", detector, "photos", *FILES)
    assert (code, len(out)) == (1, 1)
    assert err[0] == "photos: skipped 1 file without an image suffix (such as note.txt)"
    assert err[1].startswith("16 pictures, 14 faces: ")
    assert err[1].endswith("; 2 not scored (1 no_face, 1 not_an_image)"), "no rate, of so few pictures"
    assert set(contents(tmp_path)) == {"o.csv", "o.csv.meta.json", "o.parquet", "o.jsonl"}
    _, lines, _ = run(capsys, "predict", "--detector", detector, "photos", "--json")
    assert (tmp_path / "o.jsonl").read_text().splitlines() == lines
    rows = [json.loads(line) for line in lines[1:]]
    table = pq.read_table("o.parquet")
    assert table.column_names == list(COLUMNS_OF_FILES)
    assert json.loads(table.schema.metadata[b"unseen.scope"]) == {
        key: value for key, value in json.loads(lines[0]).items() if key != "type"
    }
    frame = table.to_pandas()
    assert frame["path"].tolist() == [row["path"] for row in rows]
    assert frame["score"].dropna().tolist() == [row["score"] for row in rows if "score" in row]
    assert frame["error"].dropna().tolist() == ["no_face", "not_an_image"]
    pd.testing.assert_frame_equal(pd.read_csv("o.csv")[["score", "left"]], frame[["score", "left"]], check_exact=True)
    with open("o.csv", newline="") as file:
        broken = next(row for row in csv.DictReader(file) if row["path"] == "photos/broken.jpg")
    assert [broken[key] for key in ("score", "verdict", "width", "sha256", "error")] == [
        "",
        "",
        "",
        "",
        "not_an_image",
    ]
    meta = json.loads((tmp_path / "o.csv.meta.json").read_text())
    assert (meta["detector"], meta["pictures"], meta["without_a_score"]["no_face"]) == ("drawn", 16, 1)


def test_a_run_goes_on_where_it_stopped(
    capsys: pytest.CaptureFixture[str],
    detector: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ("predict", "--detector", detector, "photos", *FILES)
    run(capsys, *command)
    unbroken = contents(tmp_path)
    for name in unbroken:
        (tmp_path / name).unlink()
    for groups in (2, 1):
        with monkeypatch.context() as patch:
            patch.setattr(predict_files, "predict_groups", stop_after(groups))
            stopped = run(capsys, *command, "--resume")
            assert (stopped[0], stopped[2][-1]) == (130, "interrupted; the same command with --resume continues")
        assert set(contents(tmp_path)) == {"o.csv.part", "o.csv.part-wal"} or set(contents(tmp_path)) == {
            "o.csv.part"
        }
    code, out, err = run(capsys, *command)
    assert (code, out) == (2, [])
    assert err == ["unseen: o.csv.part: left by a stopped run; give --resume to continue it, or delete the file"]
    code, _, err = run(capsys, *command, "--resume")
    assert code == 1
    done = re.fullmatch(r"(\d+) pictures scored by an earlier run", err[0])
    assert done
    assert 12 <= int(done[1]) < 16
    assert err[2].startswith("16 pictures, 14 faces: ")
    assert contents(tmp_path) == unbroken


def test_a_changed_picture_is_scored_again_and_a_removed_one_is_gone(
    capsys: pytest.CaptureFixture[str],
    detector: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ("predict", "--detector", detector, "photos", "--jsonl", "o.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr(predict_files, "predict_groups", stop_after(3))
        run(capsys, *command)
    (photos / "00.pgm").unlink()
    (photos / "02.pgm").write_bytes((photos / "04.pgm").read_bytes())
    os.utime(photos / "02.pgm", ns=(1, 1))
    (photos / "03.png").write_bytes((photos / "05.png").read_bytes())
    run(capsys, *command, "--resume")
    resumed = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    run(capsys, *command)
    anew = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [row.get("path") for row in resumed] == [row.get("path") for row in anew]
    for one, other in zip(resumed[1:], anew[1:], strict=True):
        assert one.get("logit") == pytest.approx(other.get("logit"), abs=1e-9)


def test_a_checkpoint_of_another_threshold_or_a_damaged_one_is_refused(
    capsys: pytest.CaptureFixture[str],
    detector: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = json.loads((detector / "detector.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    for path in detector.iterdir():
        if path.is_file():
            (other / path.name).write_bytes(path.read_bytes())
    card["calibration"]["at_fpr"] = {"fpr_1": 0.6}
    (other / "detector.json").write_text(json.dumps(card))
    command = ("predict", "--detector", other, "photos", "--csv", "o.csv")
    with monkeypatch.context() as patch:
        patch.setattr(predict_files, "predict_groups", stop_after(1))
        assert run(capsys, *command)[0] == 130
    code, _, err = run(capsys, *command, "--resume", "--threshold-for-fpr", "0.01")
    assert code == 2
    assert err[-1].startswith("unseen: o.csv.part: belongs to a run with another detector, threshold or version")
    (tmp_path / "o.csv.part").write_bytes(b"no database" * 100)
    (tmp_path / "o.csv.part-wal").unlink(missing_ok=True)
    code, _, err = run(capsys, *command, "--resume")
    assert code == 2
    assert "o.csv.part: damaged (" in err[-1]


def test_another_frozen_threshold(
    capsys: pytest.CaptureFixture[str],
    detector: Path,
    photos: Path,
    tmp_path: Path,
) -> None:
    code, _, err = run(capsys, "predict", "--detector", detector, "photos", "--threshold-for-fpr", "0.01")
    assert (code, err) == (
        2,
        [f"unseen: {detector}: has no threshold for an FPR of 0.01; training froze those for 0.05"],
    )
    _, same, _ = run(capsys, "predict", "--detector", detector, "photos", "--threshold-for-fpr", "0.05")
    assert same == run(capsys, "predict", "--detector", detector, "photos")[1]
    other = tmp_path / "other"
    other.mkdir()
    for path in detector.iterdir():
        if path.is_file():
            (other / path.name).write_bytes(path.read_bytes())
    card = json.loads((detector / "detector.json").read_text())
    card["calibration"] |= {"at_fpr": {"fpr_0_5": 0.9, "fpr_1": 0.1}, "validation": {"reals": 150}}
    (other / "detector.json").write_text(json.dumps(card))
    (other / "evaluation.json").write_text(json.dumps({"tpr": {}, "fpr": {}}))
    for fpr, threshold, unsure, warned in ((0.01, 0.1, [0.1, 0.75], False), (0.005, 0.9, [0.25, 0.9], True)):
        command = ("predict", "--detector", other, "photos", "--json", "--threshold-for-fpr", fpr)
        _, lines, err = run(capsys, *command)
        header, *rows = map(json.loads, lines)
        assert (header["threshold"], header["unsure"], header["max_fpr"]) == (threshold, unsure, fpr)
        assert header["measured"] is None
        assert "not measured at this threshold" in header["scope"]
        assert all(row["above_threshold"] == (row["score"] >= threshold) for row in rows if "score" in row)
        assert any(line.startswith("warning: an FPR of ") for line in err) == warned


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--resume",), "--resume needs an output file; give --csv"),
        (("--csv", "o.txt"), "o.txt: give the CSV table a file name that ends in .csv"),
        (("--csv", "photos/00.pgm"), "ends in .csv"),
        (("--gallery", "gone/o.html"), "the folder gone does not exist"),
    ],
)
def test_a_wrong_output_is_refused_before_the_detector_is_loaded(
    capsys: pytest.CaptureFixture[str], photos: Path, given: tuple[str, ...], says: str
) -> None:
    code, out, err = run(capsys, "predict", "--detector", "nowhere", "photos", *given)
    assert (code, out, len(err)) == (2, [], 1)
    assert says in err[0]


def test_a_gallery(
    capsys: pytest.CaptureFixture[str],
    detector: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gallery, "PER_VERDICT", 3)
    hostile = "photos/<img src=x onerror=alert(1)>.pgm"
    Path(hostile).write_bytes((photos / "00.pgm").read_bytes())
    run(capsys, "predict", "--detector", detector, "photos", "--gallery", "o.html", "--jsonl", "o.jsonl")
    page = (tmp_path / "o.html").read_text()
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()][1:]
    scores = [row["score"] for row in rows if "score" in row]
    by_verdict = {row["verdict"]: 0 for row in rows if "verdict" in row}
    for row in rows:
        if "verdict" in row:
            by_verdict[row["verdict"]] += 1
    shown = sum(min(number, 3) for number in by_verdict.values())
    found = [float(text) for text in re.findall(r'class="score">([\d.]+)', page)]
    assert len(found) == shown < len(scores) == 15
    assert found == sorted(found, reverse=True)
    assert found[0] == round(max(scores), 3)
    assert page.count("data:image/jpeg;base64,") == shown
    assert f"This page shows {shown} of 15 faces: at most 3 of each verdict" in page
    assert "<img src=x" not in page
    assert "default-src 'none'" in html.unescape(page)
    assert re.findall(r'(?:src|href|url)\s*[=(]\s*"?(?!data:)[^ >"]+', page) == []
    assert "1 no_face" in page
    assert "Threshold</dt><dd>0.5" in page


def test_a_gallery_without_its_pictures(
    capsys: pytest.CaptureFixture[str],
    detector: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gallery, "load_picture", lambda *_: (_ for _ in ()).throw(OSError("gone")))
    run(capsys, "predict", "--detector", detector, "photos/00.pgm", "--gallery", "o.html")
    assert "The picture has changed or can no longer be read." in (tmp_path / "o.html").read_text()


def test_a_gallery_shows_no_other_picture_than_the_scored_one(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(given: str, most: int) -> Any:
        (photos / "00.pgm").write_bytes((photos / "02.pgm").read_bytes())
        return load_picture(given, most)

    monkeypatch.setattr(gallery, "load_picture", changed)
    run(capsys, "predict", "--detector", detector, "photos/00.pgm", "--gallery", "o.html")
    page = (tmp_path / "o.html").read_text()
    assert "The picture has changed or can no longer be read." in page
    assert "data:image/jpeg" not in page


def test_a_gallery_shows_control_characters_of_names_escaped(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "00.pgm").rename(photos / "a\u202egpj.exe.pgm")
    run(capsys, "predict", "--detector", detector, "photos/a\u202egpj.exe.pgm", "--gallery", "o.html")
    page = (tmp_path / "o.html").read_text()
    assert "\u202e" not in page
    assert page.count(r"a\u202egpj.exe.pgm") == 2


@pytest.mark.parametrize("box", [(0, 0, 1, 200), (0, 0, 3, 200), (2, 0, 1, 200), (0, 0, 0, 0)])
def test_a_thin_box_has_a_thumbnail(box: tuple[int, int, int, int]) -> None:
    assert gallery.thumbnail(Image.new("RGB", (3, 200)), box).startswith("data:image/jpeg")


def test_a_picture_that_could_not_be_read_is_tried_again(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("predict", "--detector", detector, "photos", "--jsonl", "o.jsonl")

    def failing(path: str) -> bytes:
        if path.endswith("00.pgm"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(inputs, "read", failing)
        patch.setattr(predict_files, "predict_groups", stop_after(3))
        assert run(capsys, *command)[0] == 130
    run(capsys, *command, "--resume")
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()][1:]
    assert [row.get("error") for row in rows if row["path"] == "photos/00.pgm"] == [None]


def test_a_file_with_half_a_surrogate_pair_in_its_metadata_has_rows(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, tmp_path: Path
) -> None:
    actions = rb'{"actions": [{"action": "c2pa.created", "digitalSourceType": "x\ud800"}]}'
    manifest = store(actions=actions, kind=b"json", label="c2pa.actions")
    (photos / "broken.jpg").write_bytes(jpeg(*app11(manifest)))
    run(capsys, "predict", "--detector", detector, "photos/broken.jpg", *FILES, "--gallery", "o.html")
    (row,) = pq.read_table(tmp_path / "o.parquet").to_pylist()
    assert (row["error"], row["provenance"][-14:]) == ("no_face", "source type x?")


def test_a_gallery_with_a_damaged_card(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(detector, tmp_path / "own")
    (tmp_path / "own" / "card.md").write_bytes(b"# caf\xe9")
    run(capsys, "predict", "--detector", tmp_path / "own", "photos/00.pgm", "--gallery", "o.html")
    assert "# caf\ufffd" in (tmp_path / "o.html").read_text()
