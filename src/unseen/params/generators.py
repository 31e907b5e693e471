"""Checks that a held-out generator is another one than those that train, not the same one under another name.

What makes another generator is in its settings (`GanSettings.generator`, `AutoencoderSettings.generator`): the
network, its loss and its faces. The same network trained longer, at another learning rate, or measured at other times
is the same generator. A pretrained generator is its repository on the hub, in any revision.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from unseen.autoencoders.settings import HUB, OWN, AutoencoderSettings
from unseen.gans.shared.settings import GanSettings
from unseen.sources.hub.settings import HubSettings

if TYPE_CHECKING:
    from unseen.params.check import Params


Generator = GanSettings | AutoencoderSettings | HubSettings


class _Made(NamedTuple):
    """A set of fakes or twins, and what draws it: the key of the set and its role, and the kind, name and settings
    of the generator, which for twins by a GAN's blocks is the GAN."""

    key: str
    use: str
    what: str
    maker: str
    settings: Generator


def _sets(params: Params) -> Iterator[_Made]:
    """The sets whose generator is in params."""
    for name, fakes in params.fakes.items():
        if fakes.gan in params.gans:
            yield _Made(f"fakes.{name}", fakes.use, "GAN", fakes.gan, params.gans[fakes.gan])
    for name, twins in params.twins.items():
        hub = params.hub.get(twins.autoencoder.removeprefix(HUB))
        if hub:
            yield _Made(f"twins.{name}", twins.use, "repository", twins.generator, hub)
        made = params.autoencoders.get(twins.autoencoder.removeprefix(OWN))
        if made is None:
            continue
        gan = made.weights.removeprefix("gans/")
        if gan in params.gans:
            yield _Made(f"twins.{name}", twins.use, "GAN", gan, params.gans[gan])
        else:
            yield _Made(f"twins.{name}", twins.use, "autoencoder", twins.generator, made)
    for name, diffuse in params.diffuse.items():
        if diffuse.generator in params.hub:
            yield _Made(
                f"diffuse.{name}", diffuse.use, "repository", diffuse.generator, params.hub[diffuse.generator]
            )


def _key(params: Params, settings: Generator) -> dict[str, Any]:
    """What makes a generator, with the sets that it trains on, which may be named by a group or one by one."""
    if isinstance(settings, HubSettings):  # a name has no case on the hub
        return {"repo": settings.repo.casefold(), "folder": settings.folder and os.path.realpath(settings.folder)}
    found = settings.generator()
    if folder := found.get("train_on"):
        found["train_on"] = sorted(path for path in params.set_folders() if f"{path}/".startswith(f"{folder}/"))
    return found


def same_gan(params: Params, a: GanSettings, b: GanSettings) -> bool:
    """Whether two GANs are the same generator."""
    return _key(params, a) == _key(params, b)


def same_generator(params: Params, name: str, other: str) -> bool:
    """Whether two sets of fakes are of the same generator, possibly under two names."""
    made = {one.key.partition(".")[2]: one for one in _sets(params)}
    if name not in made or other not in made:
        return False
    first, second = made[name], made[other]
    return first.what == second.what and _key(params, first.settings) == _key(params, second.settings)


def made_by_gan(params: Params, name: str, gan: str) -> bool:
    """Whether a set of fakes is of this GAN, or of one that is the same generator; twins may be by its blocks."""
    made = [one for one in _sets(params) if one.key.partition(".")[2] == name and one.what == "GAN"]
    return gan in params.gans and any(_key(params, one.settings) == _key(params, params.gans[gan]) for one in made)


def _differ(a: Generator, b: Generator) -> list[str]:
    """The knobs in which two generators differ."""
    first, second = a.model_dump(), b.model_dump()
    return [knob for knob in first if first[knob] != second.get(knob)]


def check_same_generators(params: Params) -> Iterator[str]:
    """No generator is held out in one set of fakes or twins and trains in another."""
    sets = list(_sets(params))
    for kept in (one for one in sets if one.use == "held_out"):
        for seen in (one for one in sets if one.use == "train" and one.what == kept.what):
            if _key(params, kept.settings) != _key(params, seen.settings):
                continue
            knobs, other = _differ(kept.settings, seen.settings), seen.key.partition(".")[2]
            only = f" (it differs from `{kept.maker}` only in {', '.join(knobs)})" if knobs else ""
            change = "take another repository" if kept.what == "repository" else "change its network or its loss"
            another = f"; {change}, or let it train too" if knobs else ""
            yield (
                f"params: `{kept.key}.use` is 'held_out', but `{other}` of the same {kept.what}, `{seen.maker}`"
                f"{only}, trains: detectors know that generator{another}"
            )
