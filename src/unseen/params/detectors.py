"""Checks of detectors and ensembles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_origin

from unseen.core.settings import Settings, did_you_mean
from unseen.detectors.shared.backbone_names import check_backbone, hub_block
from unseen.detectors.shared.settings import FittedSettings
from unseen.params.captions import no_zero_shot
from unseen.params.problems import Problems, check_reference, problem_of
from unseen.params.roles import check_no_held_out_gan, check_trained_on
from unseen.sources.packaged import MEASURES

if TYPE_CHECKING:
    from unseen.params.check import Params


def _chosen_backbone(detector: Settings) -> str | None:
    """Return a detector's `backbone`; None if it is the default or one of a fixed list.

    These need no check, and importing timm takes seconds.
    """
    field = type(detector).model_fields.get("backbone")
    value = getattr(detector, "backbone", None)
    return None if field is None or value == field.default or get_origin(field.annotation) is Literal else str(value)


def check_attributes(params: Params, key: str, detector: FittedSettings) -> Problems:
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


def check_detectors(params: Params) -> Problems:
    """Detectors train on training sets. Their initial weights exist and have seen no held-out fakes."""
    models = params.asset_folders() + [f"gans/{name}" for name in params.gans]
    for name, detector in params.detectors.items():
        key = f"detectors.{name}"
        yield from check_trained_on(params, f"{key}.train_on.reals", detector.train_on.reals, "real")
        yield from check_trained_on(params, f"{key}.train_on.fakes", detector.train_on.fakes, "fake")
        if detector.attributes_knob:
            yield from check_attributes(params, key, detector)
        if backbone := _chosen_backbone(detector):
            yield from problem_of(check_backbone, backbone, f"{key}.backbone")
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
            yield from check_reference(f"{key}.weights", detector.weights, gans)
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
            yield from check_reference(f"{key}.weights", detector.weights, allowed)


def check_ensembles(params: Params) -> Problems:
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
