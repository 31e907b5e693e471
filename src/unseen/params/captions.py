"""Checks of `captions`: models and faces exist, and held-out faces describe only held-out fakes.

Each check is a generator of problems, one line each, as in `unseen.params.problems`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.core.settings import Role, did_you_mean
from unseen.params.problems import Problems

if TYPE_CHECKING:
    from unseen.params.check import Params


def check_captions(params: Params) -> Problems:
    """The models of captions and the real faces that they describe exist."""
    folders = params.hub_folders()
    for name, settings in params.captions.items():
        key = f"captions.{name}"
        if name == "none":
            yield f"params: `{key}`: `none` means no captions; rename it"
        if settings.model not in folders:
            yield f"params: `{key}.model` is {settings.model!r}; {did_you_mean(settings.model, folders)}"
        if settings.attribute_model not in ("none", *folders):
            found = did_you_mean(settings.attribute_model, ["none", *folders])
            yield f"params: `{key}.attribute_model` is {settings.attribute_model!r}; {found}"
        inside = params.sets_below(settings.of)
        if not inside:
            known = {path for path, (_, _, label) in params.set_folders().items() if label == "real"}
            known |= {path.rsplit("/", 1)[0] for path in known}
            found = did_you_mean(settings.of, sorted(known))
            yield f"params: `{key}.of` is {settings.of!r}, which holds no set; {found}"
        for made, _, label in inside.values():
            if label != "real":
                yield f"params: `{key}.of` is {settings.of!r}, but `{made}` in it is {label}, not real"


def role_of_captions(params: Params, name: str) -> Role:
    """The role of a table of captions: held out if a set that it describes is."""
    described = params.sets_below(params.captions[name].of).values()
    return "held_out" if any(use == "held_out" for _, use, _ in described) else "train"


def check_captions_used(params: Params, key: str, name: str, of: str, use: Role) -> Problems:
    """Captions that make fakes describe each of their reals, and none that is held out if the fakes train.

    Args:
        params: all params.
        key: of the set of fakes, such as `diffuse.sd15`.
        name: key below `captions`.
        of: the folder of the fakes' reals.
        use: role of the fakes.
    """
    described = params.sets_below(params.captions[name].of)
    missing = [made for path, (made, _, _) in params.sets_below(of).items() if path not in described]
    if missing:
        yield (
            f"params: `{key}.captions` is {name!r}, which describes no face of `{missing[0]}`; set "
            f"`captions.{name}.of` to {of!r}, or to a folder that holds it"
        )
    if use == "train" and role_of_captions(params, name) == "held_out":
        held_out = next(made for made, other, _ in described.values() if other == "held_out")
        yield (
            f"params: `{key}.captions` is {name!r}, which describes held-out faces of `{held_out}`, but `{key}` "
            f"trains; make captions of its own reals, or set `{key}.use: held_out`"
        )


def no_zero_shot(key: str, names: list[str]) -> Problems:
    """A fairness loss is not trained with attributes that a model has guessed."""
    from unseen.data.face_rows import ZERO_SHOT  # imports pyarrow, which a check without captions does not need

    for name in names:
        if name.startswith(ZERO_SHOT):
            yield (
                f"params: `{key}` names {name!r}, a guess of a model; a fairness loss needs attributes that are "
                "known: name those of a source"
            )
