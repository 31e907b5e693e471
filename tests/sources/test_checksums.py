from pathlib import Path

import pytest

from unseen.core.errors import UserError
from unseen.sources.kinds.kaggle import Settings as KaggleArchive
from unseen.sources.kinds.manual import Settings as ManualArchive
from unseen.sources.kinds.url import Settings as UrlArchive
from unseen.sources.shared.checksums import origin, recorded, verify
from unseen.sources.shared.settings import ArchiveSettings

ONE, TWO = "1" * 64, "2" * 64


def kaggle(version: int = 3, sha256: str = "") -> KaggleArchive:
    return KaggleArchive(kind="kaggle", dataset="owner/faces", version=version, sha256=sha256)


def refusal(file: Path, settings: ArchiveSettings, found: str) -> str:
    with pytest.raises(UserError) as caught:
        verify(file, settings, "faces.zip", found)
    assert "\n" not in str(caught.value)
    assert "faces.zip" in str(caught.value)
    return str(caught.value)


def test_the_origin_is_one_line() -> None:
    assert origin(kaggle()) == "kaggle owner/faces 3"
    assert origin(kaggle(sha256=ONE)) == "kaggle owner/faces 3"
    assert origin(UrlArchive(kind="url", url="https://x.org/a.zip")) == "url https://x.org/a.zip"


def test_the_way_of_a_request_is_not_part_of_the_origin() -> None:
    form = ManualArchive(kind="manual", page="https://x.org", wait="a day", file="CFD*.zip")
    moved = ManualArchive(kind="manual", page="https://y.org", wait="a week", file="CFD*.zip", folder="~/Downloads")
    assert origin(form) == origin(moved) == "manual CFD*.zip"


def test_the_first_hash_is_recorded(tmp_path: Path) -> None:
    file = tmp_path / "checksums/faces.sha256"
    assert recorded(file, kaggle()) == ""
    verify(file, kaggle(), "faces.zip", ONE)
    assert file.read_text() == f"{ONE}  kaggle owner/faces 3\n"
    assert recorded(file, kaggle()) == ONE


def test_the_same_hash_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "faces.sha256"
    verify(file, kaggle(), "faces.zip", ONE)
    before = file.stat().st_mtime_ns, file.read_bytes()
    verify(file, kaggle(), "faces.zip", ONE)
    assert (file.stat().st_mtime_ns, file.read_bytes()) == before


def test_a_change_since_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "faces.sha256"
    verify(file, kaggle(), "faces.zip", ONE)
    message = refusal(file, kaggle(), TWO)
    assert ONE in message
    assert TWO in message
    assert str(file) in message
    assert recorded(file, kaggle()) == ONE


def test_another_version_is_another_line(tmp_path: Path) -> None:
    file = tmp_path / "faces.sha256"
    verify(file, kaggle(3), "faces.zip", ONE)
    verify(file, kaggle(4), "faces.zip", TWO)
    assert file.read_text() == f"{ONE}  kaggle owner/faces 3\n{TWO}  kaggle owner/faces 4\n"
    assert (recorded(file, kaggle(3)), recorded(file, kaggle(4))) == (ONE, TWO)


def test_params_come_first(tmp_path: Path) -> None:
    file = tmp_path / "faces.sha256"
    verify(file, kaggle(sha256=ONE), "faces.zip", ONE)
    assert not file.exists()
    message = refusal(file, kaggle(sha256=ONE), TWO)
    assert ONE in message
    assert TWO in message
    verify(file, kaggle(), "faces.zip", TWO)
    verify(file, kaggle(sha256=ONE), "faces.zip", ONE)
    assert recorded(file, kaggle()) == TWO


def test_a_file_edited_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "faces.sha256"
    file.write_text(f"\n# ours\n{ONE}  kaggle owner/faces 3")
    assert recorded(file, kaggle()) == ONE
    verify(file, kaggle(4), "faces.zip", TWO)
    assert (recorded(file, kaggle(3)), recorded(file, kaggle(4))) == (ONE, TWO)
