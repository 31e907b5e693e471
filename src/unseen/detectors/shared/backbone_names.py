"""Check names of timm networks when params are loaded, before any training.

timm is imported at the first check, because the import takes seconds and most params files name no backbone.
"""

import difflib

from unseen.core.errors import UserError


def _did_you_mean(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else ""


def hub_block(network: str) -> tuple[str, str]:
    """The name and the text of a block of params that fetches timm's weights of a network.

    Args:
        network: timm's name of the network, with or without a tag.
    """
    import timm  # takes seconds

    plain, _, tag = network.partition(".")
    found = timm.get_pretrained_cfg(plain)
    tag = tag or (found.tag if found and found.tag else "")
    name = plain.lower()
    return name, f'hub: {{{name}: {{repo: timm/{plain}{"." * bool(tag)}{tag}, revision: ""}}}}'


def check_backbone(name: str, key: str) -> None:
    """Raise an error if timm does not know the network or its tag of weights.

    Args:
        name: such as `resnet50` or `vit_base_patch16_clip_224.openai`.
        key: the knob's name, for the message.

    Raises:
        UserError: timm has no such network or weights. The message names similar ones, or the new name of a renamed
            network.
    """
    import timm  # takes seconds
    from timm.models import get_deprecated_models

    network, _, tag = name.partition(".")
    renamed = get_deprecated_models()
    if network in renamed:
        now = renamed[network]
        what = f"which timm has renamed; write `{now}`" if now else "a network that timm has removed; choose another"
        raise UserError(f"params: `{key}` is {name!r}, {what}")
    known = timm.list_models()
    if network not in known:
        plain = network.lower()
        hint = f"; did you mean `{plain}`?" if plain in known else _did_you_mean(plain, known)
        raise UserError(f"params: `{key}` is {name!r}, which is not a network of timm{hint}")
    if not tag:
        return
    tags = [full.partition(".")[2] for full in timm.list_models(network, include_tags=True)]
    if tag not in tags:
        near = _did_you_mean(tag, tags) or f"; timm has {', '.join(f'`{one}`' for one in tags[:5] if one) or 'none'}"
        raise UserError(f"params: `{key}` is {name!r}, but timm has no weights `{tag}` of `{network}`{near}")
