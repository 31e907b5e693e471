from pathlib import Path

import pytest

from unseen.core.sealed import read_sealed, write_sealed


def test_a_sealed_file_gives_back_its_bytes(tmp_path: Path) -> None:
    for content in (b"", b"content"):
        write_sealed(tmp_path / "deep/note", content)
        assert read_sealed(tmp_path / "deep/note", "and it is made again") == content
    assert read_sealed(tmp_path / "missing", "and it is made again") is None


def test_a_damaged_file_is_renamed_and_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sealed(tmp_path / "note", b"content")
    whole = (tmp_path / "note").read_bytes()
    for damaged in (b"", whole[:-1], whole[1:], whole + b"\0", b"C" + whole[1:]):
        (tmp_path / "note").write_bytes(damaged)
        assert read_sealed(tmp_path / "note", "and it is made again") is None
        assert (tmp_path / "note.damaged").read_bytes() == damaged
        assert not (tmp_path / "note").exists()
        assert capsys.readouterr().err == (
            f"{tmp_path / 'note'}: damaged; renamed to note.damaged, and it is made again\n"
        )
