"""Recorded commits and hashes of first downloads: one file per model in checksums/hub, tracked by git.

Lines are `COMMIT  hub OWNER/NAME main` and `SHA256  hub OWNER/NAME COMMIT FILE`; those of a local folder are
`SHA256  hub folder PATH FILE`.
"""

from collections.abc import Mapping
from pathlib import Path

from unseen.core.files import atomic_file
from unseen.sources.hub.settings import HubSettings


def _main(settings: HubSettings) -> str:
    return f"hub {settings.repo} main"


def _origin(settings: HubSettings, commit: str) -> str:
    return f"hub folder {settings.folder}" if settings.folder else f"hub {settings.repo} {commit}"


def _read(file: Path) -> dict[str, str]:
    """The recorded values by what they are of."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {what: value for value, _, what in (line.partition("  ") for line in lines)}


def recorded_commit(file: Path, settings: HubSettings) -> str:
    """The recorded commit of `main`; empty if there is none."""
    return _read(file).get(_main(settings), "")


def recorded_hashes(file: Path, settings: HubSettings, commit: str) -> dict[str, str]:
    """The recorded SHA-256 of files, by name, of this commit or of this local folder."""
    start = f"{_origin(settings, commit)} "
    return {what.removeprefix(start): value for what, value in _read(file).items() if what.startswith(start)}


def record(file: Path, settings: HubSettings, commit: str, hashes: Mapping[str, str]) -> None:
    """Add what is not recorded yet; the file is not written if there is nothing to add.

    Args:
        file: file of the model's records.
        settings: settings of the model.
        commit: empty for a local folder. It is recorded if params do not give it.
        hashes: SHA-256 by name, of files without a hash in params.
    """
    before = _read(file)
    found = {_main(settings): commit} if commit and not settings.revision else {}
    found |= {f"{_origin(settings, commit)} {name}": sha256 for name, sha256 in sorted(hashes.items())}
    if found.keys() <= before.keys():
        return
    with atomic_file(file) as part:
        part.write_text("".join(f"{value}  {what}\n" for what, value in (found | before).items()), encoding="utf-8")


def forget(file: Path) -> bool:
    """Remove all records of a model, so that the next run records new ones. Returns whether there were any."""
    there = file.exists()
    file.unlink(missing_ok=True)
    return there
