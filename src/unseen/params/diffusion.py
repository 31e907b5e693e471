"""Checks of `diffuse`: models, captions and reals exist, the prompt can be filled, and roles fit.

Each check is a generator of problems, one line each, as in `unseen.params.problems`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.core.errors import UserError
from unseen.core.settings import did_you_mean
from unseen.diffusion.fakes.prompts import check_fields
from unseen.diffusion.fakes.settings import DiffuseSettings
from unseen.params.captions import check_captions_used
from unseen.params.problems import Problems

if TYPE_CHECKING:
    from unseen.params.check import Params


def _check_reals(params: Params, key: str, settings: DiffuseSettings) -> Problems:
    """The reals exist, are real, and train if their fakes do."""
    inside = params.sets_below(settings.of)
    if not inside:
        known = {path for path, (_, _, label) in params.set_folders().items() if label == "real"}
        known |= {path.rsplit("/", 1)[0] for path in known}
        yield f"params: `{key}` is {settings.of!r}, which holds no set; {did_you_mean(settings.of, sorted(known))}"
    for path, (name, use, label) in inside.items():
        if label != "real":
            yield f"params: `{key}` is {settings.of!r}, but `{name}` in it is {label}, not real"
        elif settings.use == "train" and use != "train":
            yield (
                f"params: `{key}` is {settings.of!r}, but data/{path} is `use: held_out`, and fakes made of it would "
                "train; name training reals, or set `use: held_out` here"
            )


def _attributes(params: Params, settings: DiffuseSettings) -> set[str]:
    """The attributes that faces have by their source or by their captions."""
    from unseen.data.face_rows import ZERO_SHOT  # imports pyarrow, which a check without captions does not need

    names = [name for name, _, _ in params.sets_below(settings.of).values() if name in params.sources]
    known = set[str]().union(*(params.sources[name].attributes for name in names))
    captions = params.captions.get(settings.captions)
    guessed = set(captions.attributes) if captions else set[str]()
    return known | guessed | {ZERO_SHOT + name for name in guessed}


def check_diffuse(params: Params) -> Problems:
    """Whatever a set names exists, and a turbo model is run without guidance."""
    for name, settings in params.diffuse.items():
        key = f"diffuse.{name}"
        named = [
            ("model", settings.model, params.hub_folders()),
            ("gram_weights", settings.gram_weights, ["none", *params.hub_folders(), *params.asset_folders()]),
            ("captions", settings.captions, ["none", *params.captions]),
        ]
        for knob, value, allowed in named:
            if value not in allowed:
                yield f"params: `{key}.{knob}` is {value!r}; {did_you_mean(value, allowed)}"
        yield from _check_reals(params, f"{key}.of", settings)
        if settings.captions in params.captions:
            yield from check_captions_used(params, key, settings.captions, settings.of, settings.use)
        try:
            check_fields(settings.prompt, _attributes(params, settings), f"{key}.prompt", settings.captions)
        except UserError as error:
            yield str(error)
        repo = params.hub[settings.generator].repo if settings.generator in params.hub else ""
        if "turbo" in repo.casefold() and settings.guidance:
            yield (
                f"params: `{key}.guidance` is {settings.guidance}, but {repo} is a turbo model, which is made for no "
                "guidance; set `guidance: 0.0`"
            )
