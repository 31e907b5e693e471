"""Checks of sources, sets, GANs, autoencoders, fakes and twins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.autoencoders.settings import OWN
from unseen.data.evaluation_sets import IDENTITY
from unseen.params.problems import Problems, check_reference, problem_of
from unseen.params.roles import check_no_held_out_gan, check_overlaps, check_people_of, check_trained_on
from unseen.sources.packaged import PACKAGED
from unseen.sources.shared.reserved import check_archive

if TYPE_CHECKING:
    from unseen.params.check import Params


def check_names(params: Params) -> Problems:
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


def check_sources(params: Params) -> Problems:
    """Archives and folders exist, and sets that are always held out train nothing."""
    for name in params.folders:
        if name in params.archives:
            yield f"params: `folders.{name}` has the name of an archive; rename one of them"
    for name in set(params.assets) & set(PACKAGED):
        yield f"params: `assets.{name}` is built in; remove this block, or rename it"
    for block, items in (("sources", params.sources), ("assets", params.assets)):
        for name, item in items.items():
            yield from check_reference(f"{block}.{name}.archive", item.archive, list(params.origins()))
    for name, source in params.sources.items():
        if source.archive in params.origins():
            yield from problem_of(check_archive, name, source, params.origins()[source.archive])
    yield from check_people_of(params)
    yield from check_overlaps(params)


def check_gans(params: Params) -> Problems:
    """GANs have metrics, and train on training reals."""
    if params.quality:
        allowed = [*params.asset_folders(), "none"]
        yield from check_reference("quality.inception", params.quality.inception, allowed)
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


def check_fakes(params: Params) -> Problems:
    """Sets of fakes have a GAN, and a snapshot that it keeps."""
    for name, fakes in params.fakes.items():
        if fakes.gan not in params.gans:
            yield from check_reference(f"fakes.{name}.gan", fakes.gan, list(params.gans))
            continue
        kept = [1.0, *params.gans[fakes.gan].snapshots]
        if fakes.snapshot not in kept:
            yield (f"params: `fakes.{name}.snapshot` is {fakes.snapshot}; `gans.{fakes.gan}.snapshots` keep {kept}")


def check_twins(params: Params) -> Problems:
    """Autoencoders train on training reals, and no training twins have the blocks of a held-out GAN."""
    gans = [f"gans/{name}" for name in params.gans]
    for name, made in params.autoencoders.items():
        yield from check_trained_on(params, f"autoencoders.{name}.train_on", made.train_on, "real")
        if made.weights != "none":
            yield from check_reference(f"autoencoders.{name}.weights", made.weights, gans)
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
        yield from check_reference(f"{key}.autoencoder", twins.autoencoder, allowed)
        yield from check_trained_on(params, f"{key}.of", twins.of, "real")
        if twins.is_identity and twins.use == "train":
            yield (
                f"params: `{key}.use` is 'train', but identity twins are real faces, a control that no detector may "
                "learn to call fake; allowed: held_out"
            )
        own = params.autoencoders.get(twins.autoencoder.removeprefix(OWN))
        if own and twins.use == "train" and own.weights != "none":
            yield from check_no_held_out_gan(params, f"autoencoders.{twins.generator}.weights", own.weights)
