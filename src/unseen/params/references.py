"""Checks of references between blocks of params: names must exist, and roles must fit.

Each check is a generator of problems, one line each. A line names its key first, in backticks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_origin

from unseen.autoencoders.settings import OWN
from unseen.core.errors import UserError
from unseen.core.settings import Settings, did_you_mean
from unseen.data.evaluation_sets import IDENTITY
from unseen.detectors.shared.backbone_names import check_backbone, hub_block
from unseen.detectors.shared.settings import FittedSettings
from unseen.params.captions import check_captions, no_zero_shot
from unseen.params.diffusion import check_diffuse
from unseen.params.generators import check_same_generators
from unseen.params.leave_one_out import check_leave_one_out
from unseen.params.roles import (
    Problems,
    check_generators,
    check_made_measured,
    check_no_held_out_gan,
    check_overlaps,
    check_people_of,
    check_trained_on,
)
from unseen.sources.packaged import MEASURES, PACKAGED
from unseen.sources.shared.reserved import check_archive

if TYPE_CHECKING:
    from unseen.params.check import Params


def _problem_of(check: Callable[..., None], *arguments: Any) -> Problems:
    """Yield the error message of a check that raises."""
    try:
        check(*arguments)
    except UserError as error:
        yield str(error)


def _check_reference(key: str, value: str, allowed: list[str]) -> Problems:
    if value not in allowed:
        yield f"params: `{key}` is {value!r}; {did_you_mean(value, allowed)}"


def _check_sources(params: Params) -> Problems:
    """Archives and folders exist, and sets that are always held out train nothing."""
    for name in params.folders:
        if name in params.archives:
            yield f"params: `folders.{name}` has the name of an archive; rename one of them"
    for name in set(params.assets) & set(PACKAGED):
        yield f"params: `assets.{name}` is built in; remove this block, or rename it"
    for block, items in (("sources", params.sources), ("assets", params.assets)):
        for name, item in items.items():
            yield from _check_reference(f"{block}.{name}.archive", item.archive, list(params.origins()))
    for name, source in params.sources.items():
        if source.archive in params.origins():
            yield from _problem_of(check_archive, name, source, params.origins()[source.archive])
    yield from check_people_of(params)
    yield from check_overlaps(params)


def _check_names(params: Params) -> Problems:
    """Names of sets are unique, and no set is in the folder of another."""
    first: dict[str, str] = {}
    for block in ("sources", "fakes", "twins", "diffuse"):
        for name in getattr(params, block):
            if name in first:
                yield f"params: `{block}.{name}` has the name of another set, `{first[name]}`; rename one"
            first.setdefault(name, f"{block}.{name}")
    for folder, (name, _, _) in params.set_folders().items():
        if any(other.startswith(f"{folder}/") for other in params.set_folders()):
            yield f"params: `{first[name]}`: data/{folder} is a set and a group at once; rename the set or the group"


def _check_fakes(params: Params) -> Problems:
    """Sets of fakes have a GAN, and a snapshot that it keeps."""
    for name, fakes in params.fakes.items():
        if fakes.gan not in params.gans:
            yield from _check_reference(f"fakes.{name}.gan", fakes.gan, list(params.gans))
            continue
        kept = [1.0, *params.gans[fakes.gan].snapshots]
        if fakes.snapshot not in kept:
            yield (f"params: `fakes.{name}.snapshot` is {fakes.snapshot}; `gans.{fakes.gan}.snapshots` keep {kept}")


def _check_twins(params: Params) -> Problems:
    """Autoencoders train on training reals, and no training twins have the blocks of a held-out GAN."""
    gans = [f"gans/{name}" for name in params.gans]
    for name, made in params.autoencoders.items():
        yield from check_trained_on(params, f"autoencoders.{name}.train_on", made.train_on, "real")
        if made.weights != "none":
            yield from _check_reference(f"autoencoders.{name}.weights", made.weights, gans)
        if params.faces.native and made.side is None:
            yield (
                f"params: `autoencoders.{name}.side` is missing; with `faces.native` it is trained on crops of this "
                "side in pixels, such as 64"
            )
    if IDENTITY in params.autoencoders:
        yield f"params: `autoencoders.{IDENTITY}` has the name of the built-in null control; rename it"
    for name in params.hub:
        if name == IDENTITY or name in params.autoencoders:
            what = "the built-in null control" if name == IDENTITY else "an autoencoder"
            yield f"params: `hub.{name}` has the name of {what}, and twins of both would have it; rename it"
    allowed = [*(f"{OWN}{name}" for name in (*params.autoencoders, IDENTITY)), *params.hub_folders()]
    for name, twins in params.twins.items():
        key = f"twins.{name}"
        yield from _check_reference(f"{key}.autoencoder", twins.autoencoder, allowed)
        yield from check_trained_on(params, f"{key}.of", twins.of, "real")
        if twins.is_identity and twins.use == "train":
            yield (
                f"params: `{key}.use` is 'train', but identity twins are real faces, a control that no detector may "
                "learn to call fake; allowed: held_out"
            )
        own = params.autoencoders.get(twins.autoencoder.removeprefix(OWN))
        if own and twins.use == "train" and own.weights != "none":
            yield from check_no_held_out_gan(params, f"autoencoders.{twins.generator}.weights", own.weights)


def _check_attributes(params: Params, key: str, detector: FittedSettings) -> Problems:
    """A set of each class has the attributes that a detector trains with; twins have those of their originals."""
    needed: list[str] = getattr(detector, detector.attributes_knob)
    yield from no_zero_shot(f"{key}.{detector.attributes_knob}", needed)
    for folder in (detector.train_on.reals, detector.train_on.fakes):
        names = [name for name, _, _ in params.sets_below(folder).values()]
        known = [set(params.sources[name].attributes) for name in names if name in params.sources]
        if not set(names) & {*params.twins, *params.diffuse} and not any(set(needed) <= found for found in known):
            yield (
                f"params: `{key}.{detector.attributes_knob}` is {needed}, but no set in {folder!r} has these "
                f"`attributes`; {did_you_mean(needed[0], sorted(set().union(*known)))}"
            )


def _check_ensembles(params: Params) -> Problems:
    """Names of ensembles differ from those of detectors, and members are detectors."""
    for name, ensemble in params.ensembles.items():
        if name in params.detectors:
            yield f"params: `ensembles.{name}` has the name of a detector; rename one"
        for member in ensemble.members:
            key = f"ensembles.{name}.members.{member}"
            if member in params.ensembles and member not in params.detectors:
                members = ", ".join(params.ensembles[member].members)
                yield f"params: `{key}` is an ensemble, not a detector; name its members, {members}"
            elif member not in params.detectors:
                yield f"params: `{key}` is not a detector; {did_you_mean(member, list(params.detectors))}"


def _check_gans(params: Params) -> Problems:
    """GANs have metrics, and train on training reals."""
    if params.quality:
        allowed = [*params.asset_folders(), "none"]
        yield from _check_reference("quality.inception", params.quality.inception, allowed)
    elif params.gans:
        yield "params: `quality` is missing; GANs are measured with it while they train"
    for name, gan in params.gans.items():
        yield from check_trained_on(params, f"gans.{name}.train_on", gan.train_on, "real")
        if params.faces.native:
            yield (
                f"params: `gans.{name}` needs faces of one side: set `faces.native: false`, or train it in another "
                "run and give its pictures as a source"
            )
        if params.faces.side & (params.faces.side - 1):
            yield f"params: `faces.side` is {params.faces.side}; `gans.{name}` needs a power of 2"


def _chosen_backbone(detector: Settings) -> str | None:
    """Return a detector's `backbone`; None if it is the default or one of a fixed list.

    These need no check, and importing timm takes seconds.
    """
    field = type(detector).model_fields.get("backbone")
    value = getattr(detector, "backbone", None)
    return None if field is None or value == field.default or get_origin(field.annotation) is Literal else str(value)


def _check_detectors(params: Params) -> Problems:
    """Detectors train on training sets. Their initial weights exist and have seen no held-out fakes."""
    models = params.asset_folders() + [f"gans/{name}" for name in params.gans]
    for name, detector in params.detectors.items():
        key = f"detectors.{name}"
        yield from check_trained_on(params, f"{key}.train_on.reals", detector.train_on.reals, "real")
        yield from check_trained_on(params, f"{key}.train_on.fakes", detector.train_on.fakes, "fake")
        if detector.attributes_knob:
            yield from _check_attributes(params, key, detector)
        if backbone := _chosen_backbone(detector):
            yield from _problem_of(check_backbone, backbone, f"{key}.backbone")
        size = getattr(detector, "input_size", params.faces.side)
        if params.faces.native and (problem := detector.one_side_problem()):
            yield f"params: `{key}`: {problem}"
        if detector.sees_stored_crops and size != params.faces.side and getattr(detector, "view", "") != "crop":
            yield (
                f"params: `{key}.input_size` is {size}; a {detector.kind} sees stored crops as they are, so it must "
                f"be `faces.side`, {params.faces.side}"
            )
        if detector.starts_from == "gans":
            gans = [m for m in models if m.startswith("gans/")]
            yield from _check_reference(f"{key}.weights", detector.weights, gans)
            yield from check_no_held_out_gan(params, f"{key}.weights", detector.weights)
        elif params.quality and detector.weights in {MEASURES, params.quality.inception} - {"none"}:
            yield f"params: `{key}.weights` is {detector.weights!r}, which GAN metrics use; use other weights"
        elif detector.weights == "hub":
            model, block = hub_block(detector.network_name() or "network")
            yield (
                f"params: `{key}.weights` is 'hub', which would download while training; add the block `{block}` and "
                f"write `weights: hub/{model}` here"
            )
        elif detector.weights != "none":
            allowed = ["none", *params.asset_folders(), *params.hub_folders()]
            yield from _check_reference(f"{key}.weights", detector.weights, allowed)


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


def _check_shown_groups(params: Params) -> Problems:
    """Each attribute of `evaluation.groups` is known for a set of some pair."""
    sets = {name for pair in params.pairs().values() for name in (pair.reals, pair.fakes)}
    known = set[str]().union(*(_attributes_of(params, params.evaluation_sets[name].data) for name in sets))
    for name in params.evaluation.groups:
        if name not in known:
            yield (
                f"params: `evaluation.groups` names {name!r}, but no set of a pair comes from a source with "
                f"that attribute; {did_you_mean(name, sorted(known))}"
            )


def _check_evaluation(params: Params) -> Problems:
    """Evaluation sets exist, did not train anything, and pairs have both classes."""
    for name, evaluation in params.evaluation_sets.items():
        if evaluation.data not in params.set_folders():
            yield from _check_reference(f"evaluation_sets.{name}.data", evaluation.data, sorted(params.set_folders()))
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
                yield from _check_reference(key, value, list(params.evaluation_sets))
                continue
            found = params.set_folders().get(params.evaluation_sets[value].data)
            if found and found[2] != label:
                yield f"params: `{key}` is {value!r}, which does not hold {label} faces"
            elif found and params.is_control(found[0]):
                yield (
                    f"params: `{key}` is {value!r}, which holds identity twins, a control that is measured against "
                    "its reals without a pair; remove this pair"
                )


def _check_explanations(params: Params) -> Problems:
    """The network that measures the similarity of faces is not one of a detector."""
    weights = params.explanations.weights
    for name, detector in params.detectors.items():
        if detector.weights == weights != "none":
            yield (
                f"params: `explanations.weights` is {weights!r}, which `{name}` starts from; similarity needs an "
                "independent network: use other weights, or none"
            )


def _check_pairs(params: Params) -> Problems:
    """There is a pair, and the pairs of `robustness` exist."""
    if not params.pairs():
        yield "params: `evaluation_sets` needs a set of reals and a set of fakes to compare"
    for name in params.robustness.pairs:
        yield from _check_reference("robustness.pairs", name, list(params.pairs()))


def _check_speed(params: Params) -> Problems:
    """`speed.set` is of reals, and faces in timed pictures are large enough, even if detected a fifth smaller."""
    known = [name for name, item in params.evaluation_sets.items() if params.set_folders()[item.data][2] == "real"]
    yield from _check_reference("speed.set", params.speed.set, known)
    least = round(2.5 * params.faces.min_crop)
    if params.speed.side < least:
        yield (
            f"params: `speed.side` is {params.speed.side}; a face that fills half of it is below "
            f"`faces.min_crop`; give {least} or more"
        )


CHECKS: tuple[Callable[[Params], Problems], ...] = (
    _check_names,
    _check_sources,
    _check_gans,
    _check_fakes,
    _check_twins,
    check_captions,
    check_diffuse,
    check_same_generators,
    check_generators,
    _check_detectors,
    _check_ensembles,
    _check_evaluation,
    check_made_measured,
    _check_shown_groups,
    _check_explanations,
    _check_pairs,
    _check_speed,
    check_leave_one_out,
)


def problems(params: Params) -> Problems:
    """Yield all problems of references between blocks, one line each."""
    found = False
    for check_one in CHECKS:
        try:
            for problem in check_one(params):
                found = True
                yield problem
        except KeyError:  # a missing name, which an earlier check has reported
            if not found:
                raise


def check(params: Params) -> None:
    """Check the references between blocks.

    Raises:
        UserError: the first problem, with key, value and allowed values.
    """
    for problem in problems(params):
        raise UserError(problem)
