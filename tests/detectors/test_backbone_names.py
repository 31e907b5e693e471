"""timm's names, read from its source, are those that it registers."""

import subprocess
import sys

import pytest
import timm

from unseen.detectors.backbone_names import backbone_names, check_backbone
from unseen.errors import UserError


def test_they_are_timms_own() -> None:
    assert backbone_names() == set(timm.list_models())


@pytest.mark.parametrize("name", ["resnet50", "vit_base_patch16_clip_224.openai", "vit_small_patch14_dinov2"])
def test_a_known_name_passes_with_and_without_a_tag(name: str) -> None:
    check_backbone(name, "backbone")


def test_an_unknown_name_is_one_short_line_with_those_that_are_near() -> None:
    with pytest.raises(UserError, match=r"`detectors.a.backbone` is 'resnet5O'.*`resnet50`") as error:
        check_backbone("resnet5O", "detectors.a.backbone")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200
    with pytest.raises(UserError, match=r"no network of timm$"):
        check_backbone("qqqqqqqqqqqqq", "backbone")


def test_params_are_checked_without_timm_and_torch() -> None:
    """Every stage checks them in a program of its own, and the two take seconds to import."""
    asks = "import sys, unseen.params; sys.exit(int('timm' in sys.modules or 'torch' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", asks], env={"PYTHONPATH": "src"}, check=False).returncode == 0
