"""LayerNorm tuning: exactly the norms and the head move, on features of length 1."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from unseen.core.errors import UserError
from unseen.core.scratch import Scratch
from unseen.data.pictures import Faces
from unseen.detectors.kinds import layernorm_tuned
from unseen.detectors.kinds.layernorm_tuned import LayerNormTuned
from unseen.detectors.shared import loop
from unseen.detectors.shared.base import Task
from unseen.detectors.shared.logits import as_batch, logits_of

from .learning import check_learns_and_repeats_itself
from .networks import copied, knobs

CPU = torch.device("cpu")
Both = tuple[Faces, Faces]


def settings(**changed: Any) -> layernorm_tuned.Settings:
    own = {"kind": "layernorm_tuned", "weights": "none", "backbone": "test_vit", **changed}
    return layernorm_tuned.Settings.model_validate({**knobs().model_dump(), **own})


def made(**changed: Any) -> LayerNormTuned:
    torch.manual_seed(0)
    model = layernorm_tuned.create(settings(**changed), Path("models/none"), 32)
    assert isinstance(model, LayerNormTuned)
    return model


def moved(faces: Both, scratch: Path, **changed: Any) -> tuple[LayerNormTuned, set[str], list[dict[str, float]]]:
    """A trained model, the names of the weights that training moved, and its history."""
    model = made(**changed)
    before = copied(model)
    history = loop.fit(model, Task(settings(**changed), *faces, 4, Scratch(scratch, "d", 1)))
    after = copied(model)
    return model, {name for name in before if not torch.equal(before[name], after[name])}, history


@pytest.mark.parametrize("backbone", ["test_vit", "test_convnext"])
def test_norms_and_head_move_and_nothing_else(faces: Both, tmp_path: Path, backbone: str) -> None:
    some = {"steps": 3, "frozen_steps": 0, "validate_every": 3, "backbone": backbone, "learning_rate": 0.01}
    model, names, _ = moved(faces, tmp_path, **some)
    norms = {
        f"{name}.{part}"
        for name, module in model.named_modules()
        if isinstance(module, nn.LayerNorm)
        for part in ("weight", "bias")
    }
    assert len(norms) >= 13
    assert names == norms | {"classifier.1.weight", "classifier.1.bias"}


def test_in_frozen_steps_the_head_alone_moves(faces: Both, tmp_path: Path) -> None:
    _, names, _ = moved(faces, tmp_path, steps=2, frozen_steps=2)
    assert names == {"classifier.1.weight", "classifier.1.bias"}


def test_few_weights_learn() -> None:
    model = made()
    # 6 blocks with two norms, one before the head, 64 channels, a scale and a shift each; and the head
    assert sum(weight.numel() for weight in model.trainable()) == 13 * 2 * 64 + 64 + 1
    whole = sum(weight.numel() for weight in model.parameters())
    assert whole > 100 * sum(weight.numel() for weight in model.classifier.parameters())


def test_the_head_sees_features_of_length_1(faces: Both) -> None:
    model = made().eval()
    seen: list[torch.Tensor] = []
    model.classifier.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(as_batch(faces[1].pixels[:4], CPU))
    torch.testing.assert_close(seen[0].norm(dim=1), torch.ones(4))


def test_it_learns_and_repeats_itself(tmp_path: Path) -> None:
    check_learns_and_repeats_itself(made, settings, tmp_path, steps=16, learning_rate=0.03)


def test_it_comes_back(faces: Both) -> None:
    model = made()
    nn.init.normal_(model.classifier[-1].weight)  # type: ignore[arg-type]
    again = layernorm_tuned.restore(model.config)
    again.load_state_dict(model.state_dict())
    pixels = faces[1].pixels[:5]
    assert np.array_equal(logits_of(again, pixels, CPU), logits_of(model, pixels, CPU))


def test_error_levels_can_be_what_it_sees(faces: Both) -> None:
    pixels = as_batch(faces[1].pixels[:4], CPU)
    plain, levels = made(), made(ela={"quality": 90, "scale": 10.0})
    with torch.no_grad():
        assert not torch.allclose(plain.network_input(pixels), levels.network_input(pixels))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"backbone": "test_resnet"}, "'test_resnet', which has no LayerNorm"),
        ({"backbone": "test_vti"}, "did you mean .*`test_vit`"),
    ],
)
def test_what_can_not_be_tuned_is_one_line(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        made(**changed)
    assert "\n" not in str(error.value)
