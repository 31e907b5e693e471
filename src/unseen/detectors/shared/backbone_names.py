"""timm's names of networks, without timm: to import it would take every stage five seconds, to read its source
takes a tenth of one. So a misspelt name is refused when params load, before any GAN is trained."""

import ast
import difflib
import importlib.util
import re
from functools import cache
from pathlib import Path

from unseen.core.errors import UserError

_REGISTERED = re.compile(r"^@register_model\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
_RENAMED = re.compile(r"^register_model_deprecations\(__name__, (\{.*?^\})\)", re.MULTILINE | re.DOTALL)
_TAGGED = re.compile(r"[\"'](\w+)\.(\w+)[\"']")


@cache
def _sources() -> tuple[str, ...]:
    spec = importlib.util.find_spec("timm")
    assert spec
    assert spec.origin
    return tuple(file.read_text(encoding="utf-8") for file in sorted(Path(spec.origin).parent.glob("models/*.py")))


@cache
def backbone_names() -> frozenset[str]:
    """Every network that timm can make, without the tags of its weights."""
    return frozenset(name for source in _sources() for name in _REGISTERED.findall(source))


@cache
def renamed() -> dict[str, str]:
    """Names that timm has given up, and what it calls that network now, with a tag where it is of certain weights;
    an empty name where it has removed the network."""
    found: dict[str, str | None] = {}
    for source in _sources():
        for table in _RENAMED.findall(source):
            found |= ast.literal_eval(table)
    return {old: new or "" for old, new in found.items()}


@cache
def _tags() -> dict[str, set[str]]:
    """The tags of weights that timm's source spells out. Some networks have tags that it puts together."""
    found: dict[str, set[str]] = {}
    for source in _sources():
        for network, tag in _TAGGED.findall(source):
            found.setdefault(network, set()).add(tag)
    return found


def _did_you_mean(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else ""


def check_backbone(name: str, key: str) -> None:
    """Refuse a name, or a tag of weights, that timm does not know.

    Args:
        name: such as `resnet50` or `vit_base_patch16_clip_224.openai`.
        key: how the knob is called in the message.

    Raises:
        UserError: names those that are near, or what timm calls the network now.
    """
    network, _, tag = name.partition(".")
    if network in renamed():
        now = renamed()[network]
        what = f"an old name of timm's; write `{now}`" if now else "a network that timm has removed; take another"
        raise UserError(f"params: `{key}` is {name!r}, {what}")
    if network not in backbone_names():
        plain = network.lower()
        hint = f"; did you mean `{plain}`?" if plain in backbone_names() else ""
        hint = hint or _did_you_mean(plain, sorted(backbone_names()))
        raise UserError(f"params: `{key}` is {name!r}, which is no network of timm{hint}")
    tags = _tags().get(network, set())
    if tag and tags and tag not in tags:
        near = _did_you_mean(tag, sorted(tags)) or f"; timm has {', '.join(f'`{one}`' for one in sorted(tags)[:5])}"
        raise UserError(f"params: `{key}` is {name!r}, but timm has no weights `{tag}` of `{network}`{near}")
