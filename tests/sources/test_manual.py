import os
from pathlib import Path

import pytest

from unseen.core.errors import UserError
from unseen.sources.kinds.manual import UNFINISHED, fetch
from unseen.sources.kinds.manual import Settings as ManualArchive


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder to stand in, with the folder for archives that a person fetched."""
    project = tmp_path / "project"
    (project / "data/manual").mkdir(parents=True)
    monkeypatch.chdir(project)
    return project


def settings(file: str = "CFD*.zip", folder: str = "data/manual") -> ManualArchive:
    page = "https://www.example.org/form"
    return ManualArchive(kind="manual", page=page, wait="two days", file=file, folder=folder)


def taken(wanted: ManualArchive, project: Path) -> Path:
    target = project / "target"
    target.mkdir()
    found = fetch(wanted, target, project / "unused")
    assert list(target.iterdir()) == [found]
    return found


def refusal(wanted: ManualArchive, project: Path) -> str:
    """The message of a refused fetch, which copied nothing."""
    target = project / "refused"
    target.mkdir()
    with pytest.raises(UserError) as caught:
        fetch(wanted, target, project / "unused")
    assert list(target.iterdir()) == []
    target.rmdir()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_one_that_matches_is_copied(project: Path) -> None:
    file = project / "data/manual/CFD Version 3.0.zip"
    file.write_bytes(b"pictures")
    for other in ("cfd.zip", "notes.txt", "._CFD Version 3.0.zip", ".CFD.zip"):
        (project / "data/manual" / other).write_bytes(b"other")
    (project / "data/manual/CFD unpacked.zip").mkdir()
    found = taken(settings(), project)
    assert found.name == "CFD Version 3.0.zip"
    assert found.read_bytes() == b"pictures"
    assert file.read_bytes() == b"pictures"


@pytest.mark.parametrize("folder", ["~/Downloads", "{home}/Downloads"])
def test_the_folder_may_be_anywhere(project: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    home = project.parent / "home"
    (home / "Downloads").mkdir(parents=True)
    (home / "Downloads/CFD.zip").write_bytes(b"pictures")
    monkeypatch.setenv("HOME", str(home))
    assert taken(settings(folder=folder.format(home=home)), project).read_bytes() == b"pictures"


@pytest.mark.parametrize("folder", ["data/manual", "data/not_there"])
def test_a_missing_file_says_what_to_do(project: Path, folder: str) -> None:
    message = refusal(settings(folder=folder), project)
    for part in ("CFD*.zip", "https://www.example.org/form", "two days", folder, "`dvc repro` again"):
        assert part in message


def test_several_matching_files_are_named(project: Path) -> None:
    for name in ("CFD.zip", "CFD (1).zip"):
        (project / "data/manual" / name).write_bytes(b"pictures")
    message = refusal(settings(), project)
    assert "CFD (1).zip, CFD.zip" in message
    assert "data/manual" in message


@pytest.mark.parametrize("ending", UNFINISHED)
@pytest.mark.parametrize("file", ["CFD*.zip", "CFD*"])
@pytest.mark.parametrize("placeholder", [None, b"", b"\0\0\0"])
def test_unfinished_downloads_are_not_taken(project: Path, ending: str, file: str, placeholder: bytes | None) -> None:
    """Firefox leaves an empty file of the final name beside the part, aria2 one of the final size."""
    if placeholder is not None:
        (project / "data/manual/CFD.zip").write_bytes(placeholder)
    (project / f"data/manual/CFD.zip{ending}").write_bytes(b"half")
    message = refusal(settings(file), project)
    assert f"CFD.zip{ending}: still downloading" in message


def test_parts_of_another_download_do_not_matter(project: Path) -> None:
    (project / "data/manual/CFD.zip").write_bytes(b"pictures")
    (project / "data/manual/other.zip.part").write_bytes(b"half")
    assert taken(settings(), project).read_bytes() == b"pictures"


def test_an_empty_file_is_not_taken(project: Path) -> None:
    (project / "data/manual/CFD.zip").touch()
    assert "CFD.zip: empty" in refusal(settings(), project)


def test_an_archive_that_is_called_part(project: Path) -> None:
    (project / "data/manual/faces.part").write_bytes(b"pictures")
    assert "still downloading" not in refusal(settings(), project)


def test_a_name_that_looks_like_a_pattern(project: Path) -> None:
    (project / "data/manual/CFD [3].zip").write_bytes(b"pictures")
    assert taken(settings("CFD [[]3].zip"), project).name == "CFD [3].zip"


def test_a_folder_that_is_a_file(project: Path) -> None:
    (project / "file").touch()
    assert "file: can't be read (Not a directory)" in refusal(settings(folder="file"), project)


def test_a_file_that_may_not_be_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = project / "data/manual/CFD.zip"
    file.write_bytes(b"pictures")
    if os.geteuid():
        file.chmod(0)
    else:  # root may read everything

        def closed(path: Path, mode: str) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "open", closed)
    assert "CFD.zip: can't be read (Permission denied)" in refusal(settings(), project)
