"""Check of DVC's cache, for `unseen doctor --cache`.

DVC trusts each object of its cache that is read-only, and restores it without comparing its hash. Objects are not on
disk yet when a stage ends, so a power cut can leave empty ones, and a disk can return other bytes. This check reads
every object.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unseen.core.errors import UserError
from unseen.core.files import atomic_file, check_replaceable

LOCK, RWLOCK = Path("dvc.lock"), Path(".dvc/tmp/rwlock")
LOCK_COPY = Path(".scratch/dvc.lock")
"""Of the time at which the last stage began; stages/_stage.py writes it."""

_OBJECT = re.compile(r"[0-9a-f]{30}(\.dir)?")
_READ_ONLY = 0o444


@dataclass
class Found:
    """What a check found.

    Attributes:
        objects: the number of objects in the cache.
        lines: one for each damaged file, and what was done about it.
        unrepaired: whether a damaged file is left.
    """

    objects: int
    lines: list[str] = field(default_factory=list)
    unrepaired: bool = False


def _md5(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _cache_folder(project: Path) -> Path:
    """The folder of DVC's cache.

    Raises:
        UserError: the project has none.
    """
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["dvc failed"])[-1].removeprefix("ERROR: ")
        raise UserError(f"{project.absolute()}: no DVC cache to check ({reason}); run this in a project of DVC")
    return project / done.stdout.strip()


def _objects(cache: Path) -> list[tuple[str, Path]]:
    """Name and path of each object."""
    return [
        (folder.name + file.name, file)
        for folder in sorted((cache / "files/md5").glob("[0-9a-f][0-9a-f]"))
        for file in sorted(folder.iterdir())
        if _OBJECT.fullmatch(file.name)
    ]


def _damaged(objects: list[tuple[str, Path]]) -> dict[str, Path]:
    """The objects whose bytes don't have the hash of their name."""
    with ThreadPoolExecutor() as threads:
        found = threads.map(lambda one: _md5(one[1]), objects)
        return {name: path for (name, path), md5 in zip(objects, found, strict=True) if md5 != name[:32]}


def _stages(file: Path) -> dict[str, Any] | None:
    """The stages in a lock file, or None if the file is damaged."""
    import yaml

    if not file.exists():
        return {}
    try:
        text = file.read_text(encoding="utf-8")
        stages = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))["stages"]
        files = [one for stage in stages.values() for kind in ("deps", "outs") for one in stage.get(kind, [])]
        whole = all(stage["cmd"] for stage in stages.values()) and all(one["path"] for one in files)
    except (UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return None
    # A file that was cut can still be valid YAML.
    return stages if whole and text.endswith("\n") else None


def _restored_lock(project: Path, found: Found) -> dict[str, Any] | None:
    """Replace a damaged dvc.lock by its copy; None if the copy is damaged or missing."""
    copy = project / LOCK_COPY
    stages = _stages(copy) if copy.exists() else None
    if stages is not None:
        with atomic_file(project / LOCK) as part:
            part.write_bytes(copy.read_bytes())
        found.lines.append(f"{LOCK}: damaged, restored from {LOCK_COPY}")
    return stages


def _in_workspace(project: Path, lock: dict[str, Any], cache: Path, wanted: dict[str, Path]) -> dict[str, list[Path]]:
    """The existing files of the workspace that should have the bytes of certain objects, by the objects' names."""
    found: dict[str, list[Path]] = {name: [] for name in wanted}

    def add(name: str, path: Path) -> None:
        if name in found and path.is_file():
            found[name].append(path)

    for stage in lock.values():
        for out in stage.get("outs", []):
            name, path = str(out.get("md5")), project / out["path"]
            listing = cache / "files/md5" / name[:2] / name[2:]
            if name.endswith(".dir") and name not in wanted and listing.exists():
                for entry in json.loads(listing.read_bytes()):
                    add(entry["md5"], path / entry["relpath"])
            else:
                add(name, path)
    return found


def _repaired(object_: Path, name: str, copies: list[Path]) -> Iterator[str]:
    """Restore an object from an undamaged copy in the workspace, or delete it; delete damaged copies."""
    good = [copy for copy in copies if not copy.is_symlink() and not copy.samefile(object_) and _md5(copy) == name]
    object_.unlink()
    for copy in copies:
        if copy not in good:
            copy.unlink()
            yield f"{copy}: damaged, deleted"
    if not good:
        yield f"{object_}: damaged, deleted"
        return
    with atomic_file(object_) as part:
        part.write_bytes(good[0].read_bytes())
    object_.chmod(_READ_ONLY)
    yield f"{object_}: damaged, restored from {good[0]}"


def check_cache(project: Path, repair: bool) -> Found:
    """Compare each object in DVC's cache with its hash, and look at DVC's own files.

    Args:
        project: folder with dvc.lock.
        repair: restore damaged objects from the workspace, and delete what can't be restored, so that `dvc repro`
            makes it again. No DVC command may run meanwhile.

    Raises:
        UserError: the folder is not a project of DVC.
    """
    cache = _cache_folder(project)
    objects = _objects(cache)
    damaged = _damaged(objects)
    found = Found(len(objects))
    lock = _stages(project / LOCK)
    if lock is None and repair:
        lock = _restored_lock(project, found)
    if lock is None:
        found.lines.append(f"{LOCK}: damaged; `git checkout {LOCK}` or delete it, then run this again")
        found.unrepaired = True
    if (project / RWLOCK).exists():
        try:
            json.loads((project / RWLOCK).read_bytes())
        except ValueError:
            found.lines.append(f"{RWLOCK}: damaged" + (", deleted" if repair else ""))
            found.unrepaired |= not repair
            if repair:
                (project / RWLOCK).unlink()
    copies = _in_workspace(project, lock or {}, cache, damaged)
    for name, path in damaged.items():
        shown = Path(os.path.relpath(path, project))
        if repair:
            check_replaceable(path)
            found.lines += _repaired(shown if project == Path() else path, name, copies[name])
            continue
        of = ", ".join(str(copy) for copy in copies[name]) or "of no output in the workspace"
        found.lines.append(f"{shown}: damaged ({of})")
        found.unrepaired = True
    return found
