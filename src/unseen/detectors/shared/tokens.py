"""Features of a ViT from its class token or its patches, before or after its last norm."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unseen.core.errors import UserError
from unseen.detectors.shared.any_backbone import UnitFeatures

EVERY = "every"
"""The features of all choices, one after the other."""

Choice = tuple[str, str]
"""`pooled`, `class` or `mean`; and `after` or `before`, the last norm."""


def choices(network: nn.Module) -> list[Choice]:
    """The features that a network offers. `pooled`, timm's own, is left out where it equals another choice."""
    vit: Any = network
    if not all(hasattr(vit, name) for name in ("blocks", "norm", "num_prefix_tokens", "forward_head")):
        return [("pooled", "after")]
    tokens = (["class"] if getattr(vit, "cls_token", None) is not None else []) + ["mean"]
    found = [(token, norm) for token in tokens for norm in ("after", "before")]
    return found if vit.global_pool in ("token", "avg") else [("pooled", "after"), *found]


class TokenFeatures(UnitFeatures):
    """A ViT with L2-normalised features of one of `choices`, or of all of them.

    Args:
        tokens: `pooled`, `class`, `mean` of the patches, or `EVERY`.
        norm: `after` or `before` the last norm.
    """

    def __init__(self, *arguments: Any, tokens: str, norm: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if tokens not in ("pooled", EVERY) and (tokens, norm) not in choices(self.network):
            what = "class token" if tokens == "class" else "tokens"
            raise UserError(
                f"params: `features` is {tokens!r}, but `{self.config['backbone']}` has no {what}; write another of "
                "pooled, class and mean, or choose a ViT"
            )
        self.choose(tokens, norm)

    def choose(self, tokens: str, norm: str) -> None:
        """Take other features from now on."""
        self.config |= {"tokens": tokens, "norm": norm}

    def features(self, pixels: Tensor) -> Tensor:
        """Features [n, d] with L2 norm 1; with `EVERY`, [n, choices * d] in the order of `choices`."""
        if self.config["tokens"] == "pooled":
            return super().features(pixels)
        vit: Any = self.network
        seen: list[Tensor] = []
        with vit.norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])):
            after = vit.forward_features(self.network_input(pixels))
        (before,) = seen

        def taken(tokens: str, norm: str) -> Tensor:
            if tokens == "pooled":
                found = vit.forward_head(after, pre_logits=True)
            else:
                values = after if norm == "after" else before
                found = values[:, 0] if tokens == "class" else values[:, vit.num_prefix_tokens :].mean(1)
                # Some networks have their last norm after the pooling, and none before it.
                found = vit.fc_norm(found) if norm == "after" else found
            return functional.normalize(found.float(), dim=1)

        wanted = choices(vit) if self.config["tokens"] == EVERY else [(self.config["tokens"], self.config["norm"])]
        return torch.cat([taken(*one) for one in wanted], dim=1)
