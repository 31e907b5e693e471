"""Checks of roles: held-out data must not train anything, directly or indirectly, under any name.

Each check is a generator of problems, one line each, as in `unseen.params.references`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from unseen.core.settings import did_you_mean
from unseen.gans.shared.settings import GanSettings
from unseen.sources.overlap import may_overlap
from unseen.sources.shared.settings import FolderSettings, Origin

if TYPE_CHECKING:
    from unseen.params.check import Params

Problems = Iterator[str]


def check_trained_on(params: Params, key: str, folder: str, label: str) -> Problems:
    """A training folder exists, has one class, and has no held-out sets."""
    inside = {path: found for path, found in params.set_folders().items() if f"{path}/".startswith(f"{folder}/")}
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


def _place(origin: Origin) -> str:
    """Return an identifier of an archive or folder that does not depend on its name."""
    if isinstance(origin, FolderSettings):
        return os.path.abspath(origin.path)
    return repr(origin.model_copy(update={"sha256": ""}))


def check_overlaps(params: Params) -> Problems:
    """Training and held-out sources of one archive have no pictures in common."""
    archives = {name: _place(origin) for name, origin in params.origins().items()}
    known = {name: source for name, source in params.sources.items() if source.archive in archives}
    trained = {name: source for name, source in known.items() if source.use == "train"}
    for name, kept in known.items():
        for other, source in trained.items():
            same = archives[kept.archive] == archives[source.archive]
            if kept.use == "held_out" and same and may_overlap(kept, source):
                yield (
                    f"params: `sources.{name}` is 'held_out', but `sources.{other}` of the same archive trains, and "
                    f"both can hold the same pictures: `members` {kept.members!r} and {source.members!r}; name a "
                    "folder in each that the other does not, at the same depth"
                )


def same_gan(a: GanSettings, b: GanSettings) -> bool:
    """Whether two GANs have equal weights: all knobs are equal except when samples and snapshots are taken."""
    looks = {"sample_every": 1, "snapshots": []}
    return a.model_copy(update=looks) == b.model_copy(update=looks)


def check_no_held_out_gan(params: Params, key: str, weights: str) -> Problems:
    """Weights of a detector, or of a generator of its fakes, do not come from a held-out generator."""
    begins = params.gans.get(weights.removeprefix("gans/"))
    for name, fakes in params.fakes.items():
        draws = params.gans.get(fakes.gan)
        if fakes.use == "held_out" and begins and draws and same_gan(begins, draws):
            yield (
                f"params: `{key}` is {weights!r}, whose fakes `{name}` are `use: held_out`: "
                "its networks have learned to make them"
            )


def check_generators(params: Params) -> Problems:
    """No generator name is held out in one set and trains in another."""
    made = [(f"sources.{name}", one.generator, one.use) for name, one in params.sources.items() if one.generator]
    made += [(f"fakes.{name}", one.gan, one.use) for name, one in params.fakes.items()]
    made += [(f"twins.{name}", one.autoencoder, one.use) for name, one in params.twins.items()]
    for key, generator, use in made:
        for other, seen, role in made:
            blocks = {key.split(".")[0], other.split(".")[0]}
            if len(blocks) == 1 and blocks != {"sources"}:
                continue  # `unseen.params.references` compares the knobs of GANs and autoencoders
            if use == "held_out" and role == "train" and generator.strip().casefold() == seen.strip().casefold():
                yield (
                    f"params: `{key}` is 'held_out', but `{other}` of the same generator, {seen!r}, trains, so "
                    f"detectors know it; let `{key}` train too and measure on its test people, take `{other}` out, "
                    "or, if these are two generators, name them apart"
                )


def check_twins_measured(params: Params) -> Problems:
    """Twins have the split of their originals: only test people's twins of a training set are evaluated."""
    for name, evaluation in params.evaluation_sets.items():
        twins = params.twins.get(evaluation.data.rsplit("/", 1)[-1])
        if twins is None or evaluation.split == "test" or evaluation.data not in params.set_folders():
            continue
        folders = {
            path: found for path, found in params.set_folders().items() if f"{path}/".startswith(f"{twins.of}/")
        }
        trains = [path for path, (_, use, _) in folders.items() if use == "train"]
        if trains:
            yield (
                f"params: `evaluation_sets.{name}.split` is {evaluation.split!r}, but its faces are twins of "
                f"{trains[0]!r}, which trains; a twin has the split of its original: allowed: test"
            )
