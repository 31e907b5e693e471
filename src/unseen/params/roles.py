"""Checks of roles: held-out data must not train anything, directly or indirectly, under any name.

Each check is a generator of problems, one line each, as in `unseen.params.problems`.
"""

from __future__ import annotations

import importlib
import os
from itertools import combinations
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from unseen.core.errors import UserError
from unseen.core.settings import did_you_mean
from unseen.params.generators import same_gan
from unseen.params.problems import Problems
from unseen.sources.overlap import may_overlap, seen_from
from unseen.sources.shared.checksums import origin
from unseen.sources.shared.settings import FolderSettings, Origin, SourceSettings

if TYPE_CHECKING:
    from unseen.params.check import Params


def check_trained_on(params: Params, key: str, folder: str, label: str) -> Problems:
    """A training folder exists, has one class, and has no held-out sets."""
    inside = params.sets_below(folder)
    if not inside:
        known = set(params.set_folders()) | {path.rsplit("/", 1)[0] for path in params.set_folders()}
        yield f"params: `{key}` is {folder!r}, which holds no set; {did_you_mean(folder, sorted(known))}"
    for path, (name, use, found_label) in inside.items():
        if use != "train":
            yield (
                f"params: `{key}` is {folder!r}, but data/{path} is `use: held_out` and may not train anything; "
                f"give `{name}` another group"
            )
        if found_label != label:
            yield f"params: `{key}` is {folder!r}, but `{name}` in it is {found_label}, not {label}"


def _path(archive: Origin) -> str:
    """The real path of a folder or archive file of the user, without symbolic links; empty if it is not known."""
    if isinstance(archive, FolderSettings):
        return "" if "\0" in archive.path else os.path.realpath(archive.path)
    if not archive.is_local:
        return ""
    try:
        found: Path = importlib.import_module(f"unseen.sources.kinds.{archive.kind}").find_file(archive)
    except (UserError, RuntimeError):  # the file is not there yet; there is no home
        return ""
    return os.path.realpath(found)


def _may_share(first: SourceSettings, second: SourceSettings, origins: dict[str, Origin]) -> tuple[str, str] | None:
    """Where two sources may have the same picture, as two parts of a message; None if nowhere.

    The archives are compared by what they are, and folders also by their real paths: one may be a link to the other,
    or lie in it.
    """
    one, other = origins[first.archive], origins[second.archive]
    if origin(one) == origin(other) and not isinstance(one, FolderSettings):
        return (" of the same archive", "") if may_overlap(first, second) else None
    path, other_path = _path(one), _path(other)
    if not path or not other_path:
        return None
    if PurePath(path).is_relative_to(other_path):
        first, second, path, other_path = second, first, other_path, path
    elif not PurePath(other_path).is_relative_to(path):
        return None
    below = PurePath(other_path).relative_to(path).as_posix()
    seen = second if below == "." else seen_from(second, below, os.path.isfile(other_path))
    return ("", f" of {path}") if seen and may_overlap(first, seen) else None


def check_overlaps(params: Params) -> Problems:
    """Training and held-out sources have no pictures in common, and reals and fakes have none."""
    origins = params.origins()
    known = [(name, source) for name, source in params.sources.items() if source.archive in origins]
    for pair in combinations(known, 2):
        (name, first), (other, second) = sorted(pair, key=lambda item: item[1].use == "train")  # held out first
        differ = [key for key in ("use", "label") if getattr(first, key) != getattr(second, key)]
        if not differ or not (where := _may_share(first, second, origins)):
            continue
        of, inside = where
        value, is_other = (first.use, "trains") if differ[0] == "use" else (first.label, f"is {second.label!r}")
        yield (
            f"params: `sources.{name}` is {value!r}, but `sources.{other}`{of} {is_other}, and both can hold the "
            f"same pictures{inside}: `members` {first.members!r} and {second.members!r}; name a folder in each that "
            "the other does not, at the same depth"
        )


def check_no_held_out_gan(params: Params, key: str, weights: str) -> Problems:
    """Weights of a detector, or of a generator of its fakes, do not come from a held-out generator."""
    begins = params.gans.get(weights.removeprefix("gans/"))
    for name, fakes in params.fakes.items():
        draws = params.gans.get(fakes.gan)
        if fakes.use == "held_out" and begins and draws and same_gan(params, begins, draws):
            yield (
                f"params: `{key}` is {weights!r}, whose fakes `{name}` are `use: held_out`: "
                "its networks have learned to make them"
            )


def check_generators(params: Params) -> Problems:
    """No generator name is held out in one set and trains in another."""
    made = [(f"sources.{name}", one.generator, one.use) for name, one in params.sources.items() if one.generator]
    made += [(f"fakes.{name}", one.gan, one.use) for name, one in params.fakes.items()]
    made += [(f"twins.{name}", one.generator, one.use) for name, one in params.twins.items()]
    made += [(f"diffuse.{name}", one.generator, one.use) for name, one in params.diffuse.items()]
    for key, generator, use in made:
        for other, seen, role in made:
            blocks = {key.split(".")[0], other.split(".")[0]}
            if len(blocks) == 1 and blocks != {"sources"}:
                continue  # `unseen.params.generators` compares GANs, autoencoders and repositories
            if use == "held_out" and role == "train" and generator.strip().casefold() == seen.strip().casefold():
                yield (
                    f"params: `{key}` is 'held_out', but `{other}` of the same generator, {seen!r}, trains, so "
                    f"detectors know it; let `{key}` train too and measure on its test people, take `{other}` out, "
                    "or, if these are two generators, name them apart"
                )


def _originals(params: Params, name: str) -> list[str]:
    """The folders of the sets that a set is made of: those of its reals, or that of `people_of`."""
    folders = params.set_folders()
    if name in params.twins or name in params.diffuse:
        of = params.twins[name].of if name in params.twins else params.diffuse[name].of
        return [path for path in folders if f"{path}/".startswith(f"{of}/")]
    source = params.sources.get(name)
    return [path for path, (other, _, _) in folders.items() if source and other == source.people_of]


def check_people_of(params: Params) -> Problems:
    """Each source named by `people_of` has identities of its own, and does not hold out people who train here."""
    for name, source in params.sources.items():
        if not source.people_of:
            continue
        key, other = f"sources.{name}.people_of", params.sources.get(source.people_of)
        if other is None or source.people_of == name:
            allowed = [one for one, made in params.sources.items() if one != name and not made.people_of]
            yield f"params: `{key}` is {source.people_of!r}; {did_you_mean(source.people_of, allowed)}"
        elif other.people_of:
            yield f"params: `{key}` is {source.people_of!r}, whose people are those of {other.people_of!r}; name that"
        elif not other.identity:
            yield (
                f"params: `{key}` is {source.people_of!r}, which has no `identity`; give it a rule that captures the "
                f"same text as `sources.{name}.identity`"
            )
        elif other.use == "held_out" and source.use == "train":
            yield (
                f"params: `{key}` is {source.people_of!r}, which is held out, but `{name}` trains, so its people "
                f"would train; set `sources.{name}.use: held_out`"
            )


def check_made_measured(params: Params) -> Problems:
    """What is made of faces has their split: of a training set only what is made of test people is evaluated."""
    folders = params.set_folders()
    for name, evaluation in params.evaluation_sets.items():
        if evaluation.split == "test" or evaluation.data not in folders:
            continue
        made = folders[evaluation.data][0]
        trains = [path for path in _originals(params, made) if folders[path][1] == "train"]
        if trains:
            what, one = ("twins", "a twin") if made in params.twins else ("made of, or show, people", "such a face")
            yield (
                f"params: `evaluation_sets.{name}.split` is {evaluation.split!r}, but its faces are {what} of "
                f"{trains[0]!r}, which trains; {one} has the split of its original: allowed: test"
            )
