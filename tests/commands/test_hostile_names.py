"""Names of files as systems, archives and people leave them, in every command that reads them."""

import shutil
import unicodedata
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from serve.test_files import expand
from serve.test_predict import make_artifact
from unseen.cli import main
from unseen.faces.settings import FaceSettings

from .program import run

ESCAPE = "\x1b[31m\x07\r\u202e"
LEFT_BY_SYSTEMS = (
    *("__MACOSX/one/._a.png", "__MACOSX/b.png", ".DS_Store", "one/._a.png", "one/.thumbnails/a.png", "Thumbs.db"),
    *("@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg", "desktop.ini"),
)
PLUGIN = "def predict(path):\n    return 0.25 if 'reals' in path else 0.75\n"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Reals and fakes with what systems leave in both, and a linked subfolder."""
    for name in ("reals/a.png", "reals/10:30.png", "fakes/one/a.png", "fakes/two/A.JPG", "fakes/two/b\\c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 90).save(tmp_path / name)
    composed, decomposed = (unicodedata.normalize(form, "fakes/zoe\u0308.png") for form in ("NFC", "NFD"))
    assert composed != decomposed
    Image.new("L", (8, 8)).save(tmp_path / decomposed)
    for folder in ("reals", "fakes"):
        for name in LEFT_BY_SYSTEMS:
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_bytes(b"\0\5\x16\7" + ESCAPE.encode())
    (tmp_path / "fakes/linked").symlink_to(tmp_path / "reals")
    (tmp_path / "plugin.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_score_has_rows_and_generators_of_pictures_alone(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(
        capsys, "score", "--detector", "plugin.py", "--reals", "reals", "--fakes", "fakes", "--out", "o.csv"
    )
    assert code == 0
    found = pd.read_csv("o.csv", keep_default_na=False)
    assert {unicodedata.normalize("NFC", name) for name in found["id"]} == {
        *("reals/a.png", "reals/10:30.png", "fakes/one/a.png", "fakes/two/A.JPG", "fakes/two/b\\c.png"),
        "fakes/zoë.png",
    }
    assert set(found["generator"]) == {"", "one", "two", "fakes"}
    assert f"reals: skipped {len(LEFT_BY_SYSTEMS)} files hidden or of the system (such as .DS_Store)" in err
    assert any("1 link to a folder, not followed (such as linked)" in line for line in err)


def test_predict_takes_pictures_alone(folders: Path) -> None:
    paths, skipped = expand(["fakes"])
    assert {Path(path).name for path in paths} == {"a.png", "A.JPG", "b\\c.png", "zoe\u0308.png"}
    assert len(skipped) == 1
    assert f"{len(LEFT_BY_SYSTEMS)} files hidden or of the system" in skipped[0]


def test_system_files_named_by_a_shell_are_skipped(folders: Path) -> None:
    named = sorted(str(path) for path in Path("reals").iterdir() if path.name[0] != "." and path.name != "one")
    paths, skipped = expand(named)
    assert paths == ["reals/10:30.png", "reals/a.png"]
    assert skipped == ["skipped 4 arguments of the system (such as reals/@eaDir)"]
    assert expand(["reals/Thumbs.db"]) == (["reals/Thumbs.db"], [])  # it asks for nothing else, and has an answer
    Path("reals/.hidden.png").touch()
    assert expand(["reals/.hidden.png"])[0] == ["reals/.hidden.png"]


def test_system_files_do_not_change_the_exit_code(
    folders: Path,
    capsys: pytest.CaptureFixture[str],
    face_detector_model: bytes,
    face_settings: FaceSettings,
    orl_pictures: dict[str, bytes],
) -> None:
    detector = make_artifact(folders / "models/drawn", face_detector_model, face_settings)
    shutil.rmtree("fakes")
    for path in Path("reals").glob("*.png"):
        path.write_bytes(next(iter(orl_pictures.values())))
    assert run(capsys, "predict", "--detector", detector, "reals")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "{}.png"],
        ["predict", "--detector", "{}", "a.png"],
        ["score", "--detector", "plugin.py", "--reals", "{}", "--out", "o.csv"],
        ["score", "--detector", "{}", "--reals", "reals", "--out", "o.csv"],
        ["score", "--detector", "plugin.py", "--reals", "reals", "--out", "{}"],
        ["evaluate", "{}.csv"],
        ["evaluate", "named.csv"],
        ["evaluate", "named.csv", "--groups", "{}"],
        ["evaluate", "named.csv", "--page", "no/{}.html"],
        ["compare", "{}.csv", "named.csv"],
        ["compare", "named.csv", "named.csv"],
        ["check", "{}.yaml"],
        ["check", "bad.yaml"],
        ["sources", "{}"],
        ["results", "{}"],
        ["{}"],
        ["predict", "--threshold{}", "x"],
        ["evaluate", "named.csv", "--threshold", "{}"],
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_no_name_can_write_to_the_terminal(
    folders: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    rows = "".join(f"{i},{i % 2},{0.4 + i % 3 / 5},{ESCAPE}\n" for i in range(20))
    Path("named.csv").write_text(f'id,label,score,"gen{ESCAPE}"\n' + rows.replace("\r", ""), newline="")
    Path("bad.yaml").write_text('"se\\e[31med": 4\nsources: {"\\e[31m": 3}\n')
    shutil.copy("plugin.py", f"{ESCAPE}.yaml")
    with suppress(SystemExit):  # of argparse
        main([argument.format(ESCAPE) for argument in arguments])
    out, err = capsys.readouterr()
    assert out + err
    assert [line for line in (out + err).split("\n") if not all(c.isprintable() for c in line)] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "a.png", "--csv", f"{'y' * 240}.csv"],  # the files beside it have longer names
        ["predict", "a.png", "--csv", "{}/o.csv"],
        ["predict", "a.png", "--detector", "{}"],
        ["score", "--detector", "plugin.py", "--reals", "reals", "--out", "{}.csv"],
        ["evaluate", "{}.csv"],
        ["evaluate", "named.csv", "--page", "{}.html"],
        ["compare", "{}", "named.csv"],
        ["portrait", "{}.png"],
        ["export", "plugin.py", "--onnx", "{}"],
        ["check", "{}.yaml"],
        ["doctor", "--offline", "{}.yaml"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_a_name_that_is_too_long_is_one_line(
    folders: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    before = set(Path().rglob("*"))
    code, out, err = run(capsys, *(argument.format("z" * 300) for argument in arguments))
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith("unseen: ")
    assert set(Path().rglob("*")) == before
