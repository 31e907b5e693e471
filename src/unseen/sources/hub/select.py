"""Chooses the files of a repository that are taken: weights as safetensors, configurations and tokenizers."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from unseen.core.errors import UserError
from unseen.sources.hub.settings import HubSettings

TAKEN = (".safetensors", ".json", ".txt", ".model")
"""Suffixes of files that are taken. `.model` is a tokenizer of sentencepiece; merges and vocabularies are json or
txt."""

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".msgpack", ".h5")
"""Suffixes of weights that are never taken: loading most of them runs code."""

PIPELINE = "model_index.json"
"""File of a pipeline of diffusers, whose components are in folders."""

NOT_LOADED = "safety_checker"
"""The component of a pipeline that this project does not need."""

_VARIANT = re.compile(r"(.+?)\.[a-z0-9_]+(-\d+-of-\d+)?\.safetensors")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository at one commit."""

    name: str
    length: int
    """Bytes."""
    sha256: str = ""
    """Empty for small files, for which the hub states no SHA-256."""
    blob: str = ""
    """git's hash of a file without `sha256`; empty if not known."""


@dataclass(frozen=True)
class Listing:
    """The files of a repository at a commit."""

    commit: str
    files: tuple[HubFile, ...]
    license: str = ""


def is_safe(name: str) -> bool:
    """Whether a name from the hub stays inside the folder that it is written to."""
    return not {"..", ".", ""} & set(name.split("/")) and "\\" not in name and ":" not in name


def _is_variant(name: str, names: Collection[str]) -> bool:
    """Whether a file has the weights of another in another precision, such as `model.fp16.safetensors`."""
    found = _VARIANT.fullmatch(name)
    if not found:
        return False
    whole = re.compile(re.escape(found[1]) + r"(-\d+-of-\d+)?\.safetensors")
    return any(whole.fullmatch(other) for other in names)


def _needed(names: Collection[str]) -> list[str]:
    """What a loader needs: no second precision, and of a pipeline its components without single-file checkpoints."""
    weights = [name for name in names if name.endswith(".safetensors")]
    left = {name for name in weights if _is_variant(name, weights)}
    if PIPELINE in names:
        left |= {name for name in weights if "/" not in name}
    return [name for name in names if name not in left]


def _refuse_pickles(settings: HubSettings, chosen: Collection[str], names: Collection[str]) -> None:
    """Raise an error if the chosen files have no weights, or a component of a pipeline has only pickles.

    Raises:
        UserError: names the file, and how to get safetensors.
    """
    where = settings.repo or settings.folder
    with_weights = {name.rpartition("/")[0] for name in chosen if name.endswith(".safetensors")}
    pickles = sorted(name for name in names if name.endswith(PICKLES))
    if settings.files:
        pickles = [name for name in pickles if any(fnmatchcase(name, glob) for glob in settings.files)]
    components = {name.rpartition("/")[0] for name in chosen if "/" in name} if PIPELINE in chosen else set()
    lost = [n for n in pickles if (f := n.rpartition("/")[0]) in components - with_weights and f != NOT_LOADED]
    if lost or not with_weights:
        if not pickles:
            raise UserError(
                f"{where}: no weights as safetensors among the chosen files; take a repository that has them, or "
                "widen `files`"
            )
        raise UserError(
            f"{where}: weights only as a pickle ({(lost or pickles)[0]}), which is never loaded; take a repository "
            "with safetensors, or convert it at https://huggingface.co/spaces/safetensors/convert and give the "
            "commit of its pull request as `revision`"
        )


def select(settings: HubSettings, files: Collection[HubFile]) -> list[HubFile]:
    """Return the files to take, sorted by name.

    Args:
        settings: settings of the model.
        files: all files of the repository or of the local folder.

    Raises:
        UserError: a name leads out of the folder, a glob matches nothing, a file may not be taken, or there are no
            weights as safetensors.
    """
    where = settings.repo or settings.folder
    names = sorted(file.name for file in files)
    for name in names:
        if not is_safe(name):
            raise UserError(f"{where}: the file name {name!r} leads out of its folder; do not use this repository")
    allowed = [name for name in names if name.endswith(TAKEN)]
    for glob in settings.files:
        matching = [name for name in names if fnmatchcase(name, glob)]
        if not matching:
            example = f", which has {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}" if names else ""
            raise UserError(f"{where}: no file {glob!r} in the repository{example}; correct `files` in params")
        if matching == [glob] and glob not in allowed and not glob.endswith(PICKLES):
            raise UserError(f"{where}: {glob} is not taken, only {', '.join(TAKEN)}; correct `files` in params")
    if settings.files:
        chosen = [name for name in allowed if any(fnmatchcase(name, glob) for glob in settings.files)]
    else:
        chosen = _needed(allowed)
    _refuse_pickles(settings, chosen, names)
    for name in settings.sha256:
        if name not in chosen:
            raise UserError(f"{where}: `sha256` names {name!r}, which is not among the files; correct it in params")
    return sorted((file for file in files if file.name in chosen), key=lambda file: file.name)
