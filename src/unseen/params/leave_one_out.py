"""Checks of `leave_one_out`: a generator that is left out must be unknown to the detector, and must be measured.

Each check is a generator of problems, one line each, as in `unseen.params.problems`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.core.settings import did_you_mean
from unseen.params.generators import made_by_gan, same_generator
from unseen.params.problems import Problems

if TYPE_CHECKING:
    from unseen.params.check import Params


KEY = "leave_one_out.generators"


def _sets_of(params: Params, generator: str) -> list[str]:
    """The names of the sets of a generator's fakes."""
    made = [name for name, _, label in params.set_folders().values() if label == "fake"]
    return [name for name in made if params.generator_of(name) == generator]


def _check_known(params: Params, detector: str, generator: str) -> Problems:
    """A detector trains on the fakes of a generator, and not on the same generator under another name."""
    settings = params.detectors[detector]
    sets = [name for name, _, _ in params.sets_below(settings.train_on.fakes).values()]
    made = {name: params.generator_of(name) for name in sets}
    own = [name for name, maker in made.items() if maker == generator]
    said = f"params: `{KEY}` names {generator!r}, but"
    if not own:
        held_out = [name for name, use, _ in params.set_folders().values() if use == "held_out"]
        if any(name in held_out for name in _sets_of(params, generator)):
            yield f"{said} it is held out and never trains, so it cannot be left out; remove it"
        else:
            allowed = did_you_mean(generator, sorted(set(made.values())))
            yield f"{said} `detectors.{detector}` does not train on fakes of it; {allowed}"
        return
    for name, maker in made.items():
        if maker == generator:
            continue
        spelled = maker.strip().casefold() == generator.strip().casefold()
        if spelled or any(same_generator(params, name, mine) for mine in own):
            yield (
                f"{said} `{name}` is of the same generator under the name {maker!r}, and `detectors.{detector}` "
                "would still train on it; give both one name, or take one out of its training folder"
            )
    gan = settings.weights.removeprefix("gans/")
    if settings.weights != gan and any(made_by_gan(params, name, gan) for name in own):
        yield (
            f"{said} `detectors.{detector}.weights` is {settings.weights!r}, whose networks have learned to make "
            "these fakes; take another detector or generator"
        )


def check_leave_one_out(params: Params) -> Problems:
    """Detectors and generators exist, each detector trains on each generator, and each generator is measured."""
    block = params.leave_one_out
    if not block.detectors and not block.generators:
        return
    if not block.detectors:
        yield f"params: `leave_one_out.detectors` is empty, but `{KEY}` is not; name a detector, or empty both"
    if len(block.generators) < 2:
        yield (
            f"params: `{KEY}` names {len(block.generators)}; name two or more, so that each is measured by a "
            "detector that has seen it and by one that has not"
        )
    for detector in block.detectors:
        if detector not in params.detectors:
            allowed = did_you_mean(detector, list(params.detectors))
            yield f"params: `leave_one_out.detectors` names {detector!r}; {allowed}"
            continue
        for generator in block.generators:
            yield from _check_known(params, detector, generator)
    stored = {name: params.set_folders()[item.data][0] for name, item in params.evaluation_sets.items()}
    measured = {stored[pair.fakes] for pair in params.pairs().values()}
    for generator in block.generators:
        sets = _sets_of(params, generator)
        if sets and not measured & set(sets):
            yield (
                f"params: `{KEY}` names {generator!r}, but no pair of `evaluation.pairs` measures it; add an "
                f"evaluation set of `{sets[0]}` with `split: test`, and a pair"
            )
