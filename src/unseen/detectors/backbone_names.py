"""timm's names of networks, without timm: to import it would take every stage five seconds, to read its source
takes a tenth of one. So a misspelt name is refused when params load, before any GAN is trained."""

import difflib
import importlib.util
import re
from functools import cache
from pathlib import Path

from unseen.errors import UserError

_REGISTERED = re.compile(r"^@register_model\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)


@cache
def backbone_names() -> frozenset[str]:
    """Every network that timm can make, without the tags of its weights."""
    spec = importlib.util.find_spec("timm")
    assert spec
    assert spec.origin
    sources = Path(spec.origin).parent.glob("models/*.py")
    return frozenset(name for source in sources for name in _REGISTERED.findall(source.read_text(encoding="utf-8")))


def check_backbone(name: str, key: str) -> None:
    """Refuse a name that timm does not know; the tag behind a dot says which weights, and is not looked at.

    Args:
        name: such as `resnet50` or `vit_base_patch16_clip_224.openai`.
        key: how the knob is called in the message.

    Raises:
        UserError: names those that are near.
    """
    network = name.split(".")[0]
    if network not in backbone_names():
        near = difflib.get_close_matches(network, sorted(backbone_names()), n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else ""
        raise UserError(f"params: `{key}` is {name!r}, which is no network of timm{hint}")
