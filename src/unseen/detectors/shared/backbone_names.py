"""Names of timm's networks. A misspelt name is refused when params are checked and not after hours of training.

timm is imported at the first question and takes seconds: a params file that names no backbone does not pay for it.
"""

import difflib

from unseen.core.errors import UserError


def _did_you_mean(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else ""


def check_backbone(name: str, key: str) -> None:
    """Refuse a name, or a tag of weights, that timm does not know.

    Args:
        name: such as `resnet50` or `vit_base_patch16_clip_224.openai`.
        key: the knob's name, for the message.

    Raises:
        UserError: timm has no such network or weights. The message names similar ones, or timm's present name of a
            network that it has renamed.
    """
    import timm  # seconds; see above
    from timm.models import get_deprecated_models

    network, _, tag = name.partition(".")
    renamed = get_deprecated_models()
    if network in renamed:
        now = renamed[network]
        what = f"an old name of timm's; write `{now}`" if now else "a network that timm has removed; take another"
        raise UserError(f"params: `{key}` is {name!r}, {what}")
    known = timm.list_models()
    if network not in known:
        plain = network.lower()
        hint = f"; did you mean `{plain}`?" if plain in known else _did_you_mean(plain, known)
        raise UserError(f"params: `{key}` is {name!r}, which is no network of timm{hint}")
    if not tag:
        return
    tags = [full.partition(".")[2] for full in timm.list_models(network, include_tags=True)]
    if tag not in tags:
        near = _did_you_mean(tag, tags) or f"; timm has {', '.join(f'`{one}`' for one in tags[:5] if one) or 'none'}"
        raise UserError(f"params: `{key}` is {name!r}, but timm has no weights `{tag}` of `{network}`{near}")
