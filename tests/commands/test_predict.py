"""`unseen predict`: which files, what it prints of each, where, and with which exit code."""

import json
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from test_predict import make_artifact
from unseen.commands.predict import expand
from unseen.faces.settings import FaceSettings

from .program import run


@pytest.fixture
def detector(tmp_path: Path, finder_model: bytes, face_settings: FaceSettings) -> Path:
    """A detector that a test may change."""
    return make_artifact(tmp_path / "models" / "drawn", finder_model, face_settings)


@pytest.fixture
def photos(tmp_path: Path, orl_pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures in it and below, and a note; the working directory is the one above."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    first, second, third = list(orl_pictures.values())[:3]
    (folder / "b.pgm").write_bytes(first)
    (folder / "a, ä ✓.PGM").write_bytes(second)
    (folder / "more" / "c.pgm").write_bytes(third)
    (folder / "note.txt").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    return folder


# ---- which files


def test_expand_folders_and_globs(photos: Path) -> None:
    inside = ["photos/a, ä ✓.PGM", "photos/b.pgm", "photos/more/c.pgm"]
    assert expand(["photos"]) == inside
    assert expand(["photos/"]) == inside
    assert expand(["photos/*.pgm"]) == ["photos/b.pgm"]
    assert expand(["photos/**/*.pgm"]) == ["photos/b.pgm", "photos/more/c.pgm"]
    assert expand(["photos/m*"]) == ["photos/more/c.pgm"]
    assert expand(["photos/n*"]) == ["photos/note.txt"]


def test_expand_names_each_file_once_and_keeps_the_order(photos: Path) -> None:
    assert expand(["photos/more", "photos/b.pgm", "./photos/b.pgm", "photos"]) == [
        "photos/more/c.pgm",
        "photos/b.pgm",
        "photos/a, ä ✓.PGM",
    ]


def test_expand_keeps_what_matches_nothing(photos: Path) -> None:
    (photos / "empty").mkdir()
    assert expand(["gone.jpg", "*.webp", "photos/empty", "gone.jpg"]) == ["gone.jpg", "*.webp", "photos/empty"]


def test_expand_takes_a_name_that_exists_as_it_is(photos: Path) -> None:
    (photos / "x[1].pgm").write_bytes(b"")
    (photos / "x1.pgm").write_bytes(b"")
    assert expand(["photos/x[1].pgm"]) == ["photos/x[1].pgm"]


# ---- unseen predict


def test_a_line_a_face(capsys: pytest.CaptureFixture[str], detector: Path, photos: Path) -> None:
    code, out, err = run(capsys, "predict", "--detector", detector, "photos")
    assert code == 0
    row = re.compile(r"(.+?) +([01]\.\d\d)  (fake|real|unsure, leans fake|unsure, leans real) +(\d+,\d+ \d+x\d+)")
    found = [row.fullmatch(line) for line in out]
    assert [match and match[1] for match in found] == ["photos/a, ä ✓.PGM", "photos/b.pgm", "photos/more/c.pgm"]
    assert len({match.start(4) for match in found if match}) == 1, "the columns are aligned"
    assert len(err) == 2
    assert re.fullmatch(
        r"3 pictures, 3 faces: \d fakes?, \d unsure, \d real; 0 not scored; \d+\.\d s, \d+\.\d faces/s, after .*",
        err[1],
    )


def test_json_lines(capsys: pytest.CaptureFixture[str], detector: Path, photos: Path) -> None:
    code, out, _ = run(capsys, "predict", "--json", "--detector", detector, "photos", "photos/note.txt", "gone")
    rows = [json.loads(line) for line in out]
    assert code == 1
    assert [row["path"] for row in rows[:3]] == ["photos/a, ä ✓.PGM", "photos/b.pgm", "photos/more/c.pgm"]
    for row in rows[:3]:
        assert set(row) == {"path", "box", "logit", "score", "verdict", "unsure", "detector"}
        assert row["detector"] == "drawn"
        assert 0 <= row["score"] <= 1
        assert row["verdict"] == ("fake" if row["score"] >= 0.5 else "real")
        assert row["unsure"] == (0.25 <= row["score"] <= 0.75)
        assert [type(value) for value in row["box"]] == [int] * 4
    assert [(row["path"], row["error"], row["box"]) for row in rows[3:]] == [
        ("photos/note.txt", "not_an_image", None),
        ("gone", "not_found", None),
    ]
    assert all(row["detail"] for row in rows[3:])


def test_text_and_json_agree(capsys: pytest.CaptureFixture[str], detector: Path, photos: Path) -> None:
    _, text, _ = run(capsys, "predict", "--detector", detector, "photos")
    _, lines, _ = run(capsys, "predict", "--detector", detector, "photos", "--json")
    for line, row in zip(text, map(json.loads, lines), strict=True):
        said = f"unsure, leans {row['verdict']}" if row["unsure"] else row["verdict"]
        x, y, width, height = row["box"]
        assert line.split(row["path"])[1].split() == f"{row['score']:.2f} {said} {x},{y} {width}x{height}".split()


def test_what_has_no_score_has_its_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path
) -> None:
    code, out, err = run(capsys, "predict", "--detector", detector, "photos/note.txt", "photos/b.pgm", "*.webp")
    assert code == 1
    assert re.fullmatch(r"photos/note.txt +-  not_an_image: .+", out[0])
    assert out[1].startswith("photos/b.pgm ")
    assert re.fullmatch(r"\*\.webp +-  not_found: no such file, folder or match", out[2])
    assert "1 face:" in err[-1]
    assert "2 not scored" in err[-1]


def test_a_small_face_beside_a_large_one_does_not_fail_the_picture(
    capsys: pytest.CaptureFixture[str], detector: Path, tmp_path: Path, portrait: Image.Image
) -> None:
    sheet = Image.new("RGB", (400, 300), "grey")
    sheet.paste(portrait.resize((184, 224)), (10, 10))
    sheet.paste(portrait.resize((29, 35)), (300, 150))
    sheet.save(tmp_path / "two.png")
    code, out, err = run(capsys, "predict", "--detector", detector, tmp_path / "two.png")
    assert code == 0
    assert re.search(r"  -  too_small at 3\d\d,1\d\d \d+x\d+: the face's crop is \d+ px, below 32$", out[1])
    assert err[-1].startswith("1 picture, 1 face:")


def test_a_name_can_not_write_to_the_terminal(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path
) -> None:
    name = "photos/x\n\x1b[31m\udcff.pgm"
    Path(name).write_bytes(b"")
    _, out, _ = run(capsys, "predict", "--detector", detector, name)
    assert out[0].startswith("photos/x\\n\\x1b[31m\\udcff.pgm  ")
    _, lines, _ = run(capsys, "predict", "--json", "--detector", detector, name)
    assert json.loads(lines[0])["path"] == name


@pytest.mark.parametrize(("screen", "bars"), [("stderr", True), ("both", False), ("none", False)])
def test_a_bar_only_where_the_lines_do_not_show_the_progress(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    detector: Path,
    photos: Path,
    screen: str,
    bars: bool,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: screen != "none")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: screen == "both")
    _, out, err = run(capsys, "predict", "--detector", detector, "photos")
    assert len(out) == 3
    assert any(line.startswith("predict: 3 x picture") for line in err) == bars
    assert err[-1].startswith("3 pictures, 3 faces:")


# ---- what a detector says of itself


def evaluation(detector: Path, share: float, **more: object) -> None:
    """Write an evaluation.json with one set of fakes and one of reals."""
    fakes = {"share": share, "low": 0.0, "high": 1.0, "n": 200, **more}
    reals = {"share": 0.0, "low": 0.0, "high": 0.1, "n": 90}
    shown = {"caught": {"other_fakes": fakes}, "flagged": {"unseen_people": reals}}
    (detector / "evaluation.json").write_text(json.dumps(shown))


def test_not_evaluated(capsys: pytest.CaptureFixture[str], detector: Path, photos: Path) -> None:
    _, _, err = run(capsys, "predict", "--detector", detector, "photos/b.pgm")
    assert err[0] == (
        "drawn: trained on 22 people and fakes of dcgan (faces: 225 of dcgan_fakes, 220 of orl); not evaluated yet: "
        "too small to rely on, a demonstration"
    )


@pytest.mark.parametrize(
    ("generators", "said"),
    [
        ({"generators": ["resize_conv"]}, "12.5 % of resize_conv, never seen in training (n 200)"),
        ({"generators": ["dcgan"]}, "12.5 % of dcgan (n 200)"),
        ({"generators": ["dcgan", "sfhq"]}, "12.5 % of dcgan + sfhq (n 200)"),
        ({}, "12.5 % of other_fakes (n 200)"),
    ],
)
def test_evaluated(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, generators: dict[str, object], said: str
) -> None:
    evaluation(detector, 0.125, **generators)
    _, _, err = run(capsys, "predict", "--detector", detector, "photos/b.pgm")
    assert err[0].endswith(
        f"; shown to catch {said}, and to flag 0 % of unseen_people (n 90): too small to rely on, a demonstration"
    )


def test_enough_people_are_no_demonstration(capsys: pytest.CaptureFixture[str], detector: Path, photos: Path) -> None:
    card = json.loads((detector / "detector.json").read_text())
    for people, few in ((999, True), (1000, False)):
        card["trained_on"]["train"]["people"] = people
        (detector / "detector.json").write_text(json.dumps(card))
        _, _, err = run(capsys, "predict", "--detector", detector, "photos/b.pgm")
        assert err[0].endswith("demonstration") == few


# ---- what can't start


@pytest.mark.parametrize("file", ["detector.json", "weights.safetensors", "finder.onnx"])
def test_a_missing_artifact_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, file: str
) -> None:
    (detector / file).unlink()
    code, out, err = run(capsys, "predict", "--detector", detector, "photos")
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith("unseen: ")
    assert str(detector / file) in err[0]
    assert "dvc" in err[0]


def test_a_detector_that_is_no_folder(capsys: pytest.CaptureFixture[str], photos: Path) -> None:
    code, out, err = run(capsys, "predict", "--detector", "photos/b.pgm", "photos")
    assert (code, out, len(err)) == (2, [], 1)
    assert "photos/b.pgm" in err[0]


@pytest.mark.parametrize("damage", ["evaluation.json", "trained_on"])
def test_an_artifact_that_can_not_say_what_it_is_does_not_score(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, damage: str
) -> None:
    if damage == "trained_on":
        card = json.loads((detector / "detector.json").read_text())
        del card["trained_on"]["train"]["people"]
        (detector / "detector.json").write_text(json.dumps(card))
    else:
        (detector / damage).write_text("{")
    code, out, err = run(capsys, "predict", "--detector", detector, "photos")
    assert (code, out, len(err)) == (2, [], 1)
    assert "damaged" in err[0]
