"""Checks of what is measured: evaluation sets, pairs, groups, explanations and speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.core.settings import did_you_mean
from unseen.params.problems import Problems, check_reference

if TYPE_CHECKING:
    from unseen.params.check import Params


def _attributes_of(params: Params, folder: str) -> set[str]:
    """Return the attributes of a set, or of a group of sets; what is made of faces has theirs."""
    found: set[str] = set()
    for name, _, _ in params.sets_below(folder).values():
        if name in params.sources:
            found |= set(params.sources[name].attributes)
        elif name in params.twins:
            found |= _attributes_of(params, params.twins[name].of)
        elif name in params.diffuse:
            found |= _attributes_of(params, params.diffuse[name].of)
    return found


def check_evaluation(params: Params) -> Problems:
    """Evaluation sets exist, did not train anything, and pairs have both classes."""
    for name, evaluation in params.evaluation_sets.items():
        if evaluation.data not in params.set_folders():
            yield from check_reference(f"evaluation_sets.{name}.data", evaluation.data, sorted(params.set_folders()))
            continue
        set_name, use, _ = params.set_folders()[evaluation.data]
        if use == "train" and evaluation.split != "test":
            yield (
                f"params: `evaluation_sets.{name}.split` is {evaluation.split!r}, but `{set_name}` trains; "
                "allowed: test"
            )
    for name, pair in params.evaluation.pairs.items():
        for side, label in (("reals", "real"), ("fakes", "fake")):
            key, value = f"evaluation.pairs.{name}.{side}", getattr(pair, side)
            if value not in params.evaluation_sets:
                yield from check_reference(key, value, list(params.evaluation_sets))
                continue
            found = params.set_folders().get(params.evaluation_sets[value].data)
            if found and found[2] != label:
                yield f"params: `{key}` is {value!r}, which does not hold {label} faces"
            elif found and params.is_control(found[0]):
                yield (
                    f"params: `{key}` is {value!r}, which holds identity twins, a control that is measured against "
                    "its reals without a pair; remove this pair"
                )


def check_shown_groups(params: Params) -> Problems:
    """Each attribute of `evaluation.groups` is known for a set of some pair."""
    sets = {name for pair in params.pairs().values() for name in (pair.reals, pair.fakes)}
    known = set[str]().union(*(_attributes_of(params, params.evaluation_sets[name].data) for name in sets))
    for name in params.evaluation.groups:
        if name not in known:
            yield (
                f"params: `evaluation.groups` names {name!r}, but no set of a pair comes from a source with "
                f"that attribute; {did_you_mean(name, sorted(known))}"
            )


def check_explanations(params: Params) -> Problems:
    """The network that measures the similarity of faces is not one of a detector."""
    weights = params.explanations.weights
    for name, detector in params.detectors.items():
        if detector.weights == weights != "none":
            yield (
                f"params: `explanations.weights` is {weights!r}, which `{name}` starts from; similarity needs an "
                "independent network: use other weights, or none"
            )


def check_pairs(params: Params) -> Problems:
    """There is a pair, and the pairs of `robustness` exist."""
    if not params.pairs():
        yield "params: `evaluation_sets` needs a set of reals and a set of fakes to compare"
    for name in params.robustness.pairs:
        yield from check_reference("robustness.pairs", name, list(params.pairs()))


def check_speed(params: Params) -> Problems:
    """`speed.set` is of reals, and faces in timed pictures are large enough, even if detected a fifth smaller."""
    known = [name for name, item in params.evaluation_sets.items() if params.set_folders()[item.data][2] == "real"]
    yield from check_reference("speed.set", params.speed.set, known)
    least = round(2.5 * params.faces.min_crop)
    if params.speed.side < least:
        yield (
            f"params: `speed.side` is {params.speed.side}; a face that fills half of it is below "
            f"`faces.min_crop`; give {least} or more"
        )
