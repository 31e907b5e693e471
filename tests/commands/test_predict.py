"""`unseen predict`: which files, what it prints of each, where, and with which exit code."""

import json
import math
import re
import sys
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from serve.test_predict import make_artifact
from unseen.core.json_files import write_json
from unseen.faces.settings import FaceSettings

from .program import run


@pytest.fixture
def detector(tmp_path: Path, face_detector_model: bytes, face_settings: FaceSettings) -> Path:
    """A detector that a test may change."""
    return make_artifact(tmp_path / "models" / "drawn", face_detector_model, face_settings)


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


# ---- unseen predict


def test_a_line_a_face(capsys: pytest.CaptureFixture[str], detector: Path, photos: Path) -> None:
    code, out, err = run(capsys, "predict", "--detector", detector, "photos")
    assert code == 0
    assert out[0].startswith("# drawn: a demonstration, ")
    row = re.compile(r"(.+?) +([01]\.\d\d)  (fake|unsure|not flagged) +(\d+,\d+ \d+x\d+)(  in_band)?")
    found = [row.fullmatch(line) for line in out[1:]]
    assert all(match and (match[3] == "unsure") == bool(match[5]) for match in found)
    assert [match and match[1] for match in found] == ["photos/a, ä ✓.PGM", "photos/b.pgm", "photos/more/c.pgm"]
    assert len({match.start(4) for match in found if match}) == 1, "the columns are aligned"
    assert err[0] == "photos: skipped 1 file without an image suffix (such as note.txt)"
    assert len(err) == 2
    assert re.fullmatch(r"3 pictures, 3 faces: \d fake, \d unsure, \d not flagged; 0 not scored", err[1])


def test_a_rate_from_twenty_pictures_on(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, orl_pictures: dict[str, bytes]
) -> None:
    for number, data in zip(range(17), orl_pictures.values(), strict=False):
        (photos / f"{number}.pgm").write_bytes(data)
    _, _, err = run(capsys, "predict", "--detector", detector, "photos")
    assert re.search(r"^20 pictures, .* 0 not scored; \d+\.\d s, \d+\.\d faces/s, after \d+\.\d s to load$", err[-1])


def test_json_lines(capsys: pytest.CaptureFixture[str], detector: Path, photos: Path) -> None:
    code, out, _ = run(capsys, "predict", "--json", "--detector", detector, "photos", "photos/note.txt", "gone")
    header, *rows = [json.loads(line) for line in out]
    assert code == 1
    assert (header["type"], header["detector"], header["demonstration"]) == ("detector", "drawn", True)
    assert "a demonstration, too small to rely on" in header["scope"]
    assert (header["threshold"], header["unsure"], header["temperature"]) == (0.5, [0.25, 0.75], 2.0)
    assert set(header["verdicts"]) == {"fake", "unsure", "not flagged"}
    assert [row["type"] for row in rows] == ["face"] * 3 + ["not_scored"] * 2
    assert [row["path"] for row in rows[:3]] == ["photos/a, ä ✓.PGM", "photos/b.pgm", "photos/more/c.pgm"]
    for row in rows[:3]:
        numbers = {"logit", "calibrated_logit", "score", "detection_score"}
        assert set(row) == {"type", "path", "box", "above_threshold", "verdict", "why", "provenance"} | numbers
        assert row["score"] == pytest.approx(1 / (1 + math.exp(-row["calibrated_logit"])))
        assert row["calibrated_logit"] == pytest.approx(row["logit"] / 2)
        assert row["above_threshold"] == (row["score"] >= 0.5)
        by_threshold = "fake" if row["above_threshold"] else "not flagged"
        assert row["verdict"] == ("unsure" if 0.25 <= row["score"] <= 0.75 else by_threshold)
        assert [type(value) for value in row["box"]] == [int] * 4
    assert [(row["path"], row["error"], row["box"]) for row in rows[3:]] == [
        ("photos/note.txt", "not_an_image", None),
        ("gone", "not_found", None),
    ]
    assert all(row["detail"] for row in rows[3:])


def test_text_and_json_agree(capsys: pytest.CaptureFixture[str], detector: Path, photos: Path) -> None:
    _, text, _ = run(capsys, "predict", "--detector", detector, "photos")
    _, lines, _ = run(capsys, "predict", "--detector", detector, "photos", "--json")
    rows = list(map(json.loads, lines))
    assert text[0] == f"# {rows[0]['scope']}"
    for line, row in zip(text[1:], rows[1:], strict=True):
        x, y, width, height = row["box"]
        assert (
            line.split(row["path"])[1].split()
            == f"{row['score']:.2f} {row['verdict']} {x},{y} {width}x{height} {row['why']}".split()
        )


def test_what_has_no_score_has_its_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path
) -> None:
    code, out, err = run(capsys, "predict", "--detector", detector, "photos/note.txt", "photos/b.pgm", "*.webp")
    assert code == 1
    assert re.fullmatch(r"photos/note.txt +-  not_an_image: .+", out[1])
    assert out[2].startswith("photos/b.pgm ")
    assert re.fullmatch(r"\*\.webp +-  not_found: no such file, folder or match", out[3])
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
    assert re.search(r"  -  too_small at 3\d\d,1\d\d \d+x\d+: the face's crop is \d+\.\d px, below 32$", out[2])
    assert err[-1].startswith("1 picture, 1 face:")


def test_a_name_can_not_write_to_the_terminal(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path
) -> None:
    name = "photos/x\n\x1b[31m\udcff.pgm"
    Path(name).write_bytes(b"")
    _, out, _ = run(capsys, "predict", "--detector", detector, name)
    assert out[1].startswith("photos/x\\n\\x1b[31m\\udcff.pgm  ")
    _, lines, _ = run(capsys, "predict", "--json", "--detector", detector, name)
    assert json.loads(lines[1])["path"] == name


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
    assert len(out) == 4
    assert any(line.startswith("predict: 3 x picture") for line in err) == bars
    assert err[-1].startswith("3 pictures, 3 faces:")


# ---- what a detector says of itself


def evaluation(detector: Path, share: float, **more: object) -> None:
    """Write an evaluation.json with one set of fakes and one of reals."""
    fakes = {"share": share, "low": 0.0, "high": 1.0, "n": 200, **more}
    reals = {"share": 0.0, "low": 0.0, "high": 0.1, "n": 90}
    shown = {"tpr": {"other_fakes": fakes}, "fpr": {"unseen_people": reals}}
    (detector / "evaluation.json").write_text(json.dumps(shown))


def test_scope_of_a_detector_that_was_not_evaluated(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path
) -> None:
    _, out, _ = run(capsys, "predict", "--detector", detector, "photos/b.pgm")
    assert out[0] == (
        "# drawn: a demonstration, too small to rely on: trained on 22 people and fakes of dcgan. Threshold 0.5, "
        "at most 5 % FPR on validation people: not evaluated yet. Other generators: not measured. "
        "`not flagged` does not mean real."
    )


@pytest.mark.parametrize(
    ("generators", "said"),
    [
        ({"generators": ["resize_conv"]}, "12.5 % on resize_conv (n 200, held out)"),
        ({"generators": ["dcgan"]}, "12.5 % on dcgan (n 200)"),
        ({"generators": ["dcgan", "sfhq"]}, "12.5 % on dcgan + sfhq (n 200)"),
        ({}, "12.5 % on other_fakes (n 200)"),
        (
            {"generators": ["dcgan"], "mean": 0.25, "min": 0.125, "max": 0.5},
            "12.5 % on dcgan (n 200; 12.5 to 50 % over training seeds, mean 25 %)",
        ),
    ],
)
def test_scope_of_an_evaluated_detector(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, generators: dict[str, object], said: str
) -> None:
    evaluation(detector, 0.125, **generators)
    _, out, _ = run(capsys, "predict", "--detector", detector, "photos/b.pgm")
    assert f": TPR {said}; FPR 0 % on unseen_people (n 90). Other generators: not measured." in out[0]


@pytest.mark.parametrize(
    ("more", "said", "seeds"),
    [
        (
            {"training_seed": 4, "trainings": {"4": {}, "5": {}, "6": {}}},
            ", network of training seed 4 of 4, 5, 6.",
            [4, 5, 6],
        ),
        ({"training_seed": 4, "trainings": {"4": {}}}, ", network of training seed 4. ", [4]),
        ({"training_seed": 5}, ", network of training seed 5. ", []),
        ({}, "fakes of dcgan. Threshold", []),
    ],
)
def test_scope_names_the_network(
    capsys: pytest.CaptureFixture[str],
    detector: Path,
    photos: Path,
    more: dict[str, object],
    said: str,
    seeds: object,
) -> None:
    card = json.loads((detector / "detector.json").read_text())
    kept = {key: value for key, value in card.items() if key not in ("training_seed", "trainings")}
    (detector / "detector.json").write_text(json.dumps({**kept, **more}))
    _, out, _ = run(capsys, "predict", "--detector", detector, "photos/b.pgm")
    assert said in out[0]
    _, out, _ = run(capsys, "predict", "--json", "--detector", detector, "photos/b.pgm")
    header = json.loads(out[0])
    assert (header["training_seed"], header["training_seeds"]) == (more.get("training_seed"), seeds)
    assert header["scope"].count("network of training seed") == bool(more)


def test_enough_people_are_no_demonstration(capsys: pytest.CaptureFixture[str], detector: Path, photos: Path) -> None:
    card = json.loads((detector / "detector.json").read_text())
    for people, few in ((999, True), (1000, False)):
        card["trained_on"]["train"]["people"] = people
        (detector / "detector.json").write_text(json.dumps(card))
        _, out, _ = run(capsys, "predict", "--detector", detector, "photos/b.pgm")
        assert ("demonstration" in out[0]) == few


# ---- what can't start


@pytest.mark.parametrize("file", ["detector.json", "weights.safetensors", "face_detector.onnx"])
def test_a_missing_artifact_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, file: str
) -> None:
    (detector / file).unlink()
    code, out, err = run(capsys, "predict", "--detector", detector, "photos")
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith("unseen: ")
    assert str(detector / file) in err[0]
    assert err[0].endswith("not found; copy it again from where `dvc repro` made it")


def test_the_advice_depends_on_where_the_detector_lies(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def said() -> str:
        code, out, err = run(capsys, "predict", "a.jpg")
        assert (code, out, len(err)) == (2, [], 1)
        assert err[0].startswith("unseen: models/detectors/efficientnet_lite0: not found; give a detector's folder")
        return err[0].rpartition("; ")[2]

    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    analytics = false\n")
    assert said() == "`dvc repro` makes it"
    (tmp_path / ".dvc/config.local").write_text("['remote \"storage\"']\n    url = /x\n")
    assert said() == "`dvc pull` fetches it, or `dvc repro` makes it"


def test_a_detector_by_its_name(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "models/detectors").mkdir()
    detector.rename(tmp_path / "models/detectors/drawn")
    code, out, _ = run(capsys, "predict", "--detector", "drawn", "photos")
    assert (code, len(out)) == (0, 4)
    code, _, err = run(capsys, "predict", "--detector", "drown", "photos")
    assert code == 2
    assert err == [
        "unseen: drown: not found; give a detector's folder or its name; allowed: drawn; did you mean `drawn`?"
    ]


@pytest.mark.parametrize("given", ["both", "models/ensembles/both"])
def test_an_ensemble_is_told_by_its_members(
    capsys: pytest.CaptureFixture[str], photos: Path, tmp_path: Path, given: str
) -> None:
    write_json(tmp_path / "models/ensembles/both/ensemble.json", {"members": {"a": {}, "b": {}}})
    code, out, err = run(capsys, "predict", "--detector", given, "photos")
    assert (code, out) == (2, [])
    assert err == [f"unseen: {given}: an ensemble is a rule over predictions; predict with its members: a, b"]


def test_a_detector_that_is_no_folder(capsys: pytest.CaptureFixture[str], photos: Path) -> None:
    code, out, err = run(capsys, "predict", "--detector", "photos/b.pgm", "photos")
    assert (code, out, len(err)) == (2, [], 1)
    assert "photos/b.pgm" in err[0]


@pytest.mark.parametrize("text", ["null", "[]", "{}", '{"tpr": null, "fpr": {}}'])
def test_an_evaluation_that_is_none(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path, text: str
) -> None:
    (detector / "evaluation.json").write_text(text)
    code, out, err = run(capsys, "predict", "--detector", detector, "photos")
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith(f"unseen: {detector / 'evaluation.json'}: damaged (")


def test_a_rate_that_is_no_number(capsys: pytest.CaptureFixture[str], detector: Path, photos: Path) -> None:
    evaluation(detector, math.nan)
    code, out, err = run(capsys, "predict", "--detector", detector, "photos")
    assert (code, out, len(err)) == (2, [], 1)
    assert "`share` of other_fakes is nan" in err[0]


def test_pictures_without_identities_are_no_people(
    capsys: pytest.CaptureFixture[str], detector: Path, photos: Path
) -> None:
    card = json.loads((detector / "detector.json").read_text())
    card["trained_on"]["train"] |= {"people": 0, "without_identity": 194}
    (detector / "detector.json").write_text(json.dumps(card))
    _, out, _ = run(capsys, "predict", "--detector", detector, "photos/b.pgm")
    assert "trained on 194 pictures without identities and fakes of dcgan." in out[0]


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


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("UNSEEN_DEVICE", "gpu0", "is 'gpu0'; give cpu, cuda, cuda:1, mps or xpu"),
        ("UNSEEN_THREADS", "0", "is '0'; give a whole number from 1 to 1024"),
        ("UNSEEN_WORKERS", "all", "is 'all'; give a whole number from 1 to 1024"),
        ("UNSEEN_MEMORY_TUNING", "no", "is 'no'; give 1 or 0"),
        ("UNSEEN_WORKER", "2", "did you mean `UNSEEN_WORKERS`?"),
        ("UNSEEN_STOP_AFTER", "nine", ""),
    ],
)
def test_a_wrong_variable_that_is_used_is_refused_before_anything_is_printed(
    capsys: pytest.CaptureFixture[str],
    detector: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    says: str,
) -> None:
    monkeypatch.setenv(name, value)
    score = ["score", "--reals", "gone", "--out", "a.csv"]
    for command in (["predict", photos / "none.png"], score):
        code, out, err = run(capsys, *command, "--detector", detector)
        assert code == (2 if says or command == score else 1)
        assert (f"the environment variable {name} " in err[0]) == bool(says)
        if says:
            assert (out, len(err), err[0].endswith(says)) == ([], 1, True)


# ---- facts about the file


def test_provenance_is_a_line_of_its_own(
    photos: Path, detector: Path, orl_pictures: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """Text of a file is escaped, also with a terminal's codes in it."""
    info = PngInfo()
    info.add_text("parameters", "x" * 812)
    info.add_itxt("XML:com.adobe.xmp", '<a xmlns:I="i" I:DigitalSourceType="http://x/\u009b31m"/>')
    Image.open(photos / "b.pgm").save(photos / "b.png", pnginfo=info)
    _, out, _ = run(capsys, "predict", "--detector", detector, "photos/b.pgm", "photos/b.png")
    assert len(out) == 4
    said = r"XMP source type \x9b31m; text chunk `parameters` of 812 bytes"
    assert re.fullmatch(rf"photos/b\.png +provenance: {re.escape(said)}", out[3])
    _, out, _ = run(capsys, "predict", "--json", "--detector", detector, "photos/b.pgm", "photos/b.png")
    first, second = (json.loads(line) for line in out[1:])
    assert first["provenance"] is None
    assert second["provenance"]["texts"] == [{"keyword": "parameters", "bytes": 812}]
    assert second["provenance"]["c2pa"] is None
