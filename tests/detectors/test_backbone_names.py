"""A backbone's name is checked against timm's own list."""

from functools import cache

import pytest
import timm

from unseen.core.errors import UserError
from unseen.detectors.shared.backbone_names import check_backbone


@pytest.mark.parametrize("name", ["resnet50", "vit_base_patch16_clip_224.openai", "vit_small_patch14_dinov2"])
def test_a_known_name_passes_with_and_without_a_tag(name: str) -> None:
    check_backbone(name, "backbone")


@pytest.fixture
def listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """timm sorts all its names at each call, and there are more than a thousand to check."""
    monkeypatch.setattr(timm, "list_models", cache(timm.list_models))


@pytest.mark.usefixtures("listed_once")
def test_no_name_that_timm_has_weights_for_is_refused() -> None:
    for name in timm.list_models(pretrained=True):
        check_backbone(name, "backbone")


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("xception", "legacy_xception"),
        ("xception.tf_in1k", "legacy_xception"),
        ("tv_resnet50", "resnet50.tv_in1k"),
        ("vit_base_patch16_224_in21k", "vit_base_patch16_224.augreg_in21k"),
    ],
)
def test_an_old_name_is_refused_with_the_name_of_today(name: str, now: str) -> None:
    """timm takes it, with a warning; an artifact under a name that timm gives up can't be opened one day."""
    with pytest.raises(UserError) as error:
        check_backbone(name, "detectors.a.backbone")
    assert str(error.value) == f"params: `detectors.a.backbone` is {name!r}, which timm has renamed; write `{now}`"
    check_backbone(now, "detectors.a.backbone")


@pytest.mark.usefixtures("listed_once")
def test_every_old_name_leads_to_one_that_passes() -> None:
    for now in timm.models.get_deprecated_models().values():
        try:
            timm.get_pretrained_cfg(now)
        except RuntimeError:  # timm 1.0.31 names a tag that it does not have: vit_base_patch32_224.sam
            with pytest.raises(UserError, match="did you mean"):
                check_backbone(now, "backbone")
        else:
            check_backbone(now, "backbone")


def test_a_removed_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timm.models.get_deprecated_models", lambda: {"gone_net": None})
    with pytest.raises(UserError, match="a network that timm has removed"):
        check_backbone("gone_net", "backbone")


def test_an_unknown_tag_of_weights_is_refused_before_any_training() -> None:
    """timm raises for it only when the detector is made, after all GANs."""
    with pytest.raises(RuntimeError, match="Invalid pretrained tag"):
        timm.create_model("resnet18.a1_in1kk", pretrained=False)
    with pytest.raises(UserError, match=r"no weights `a1_in1kk` of `resnet18`; did you mean `a1_in1k`"):
        check_backbone("resnet18.a1_in1kk", "backbone")


def test_another_case_is_the_same_name() -> None:
    with pytest.raises(UserError, match=r"not a network of timm; did you mean `resnet50`\?$"):
        check_backbone("ResNet50", "backbone")


def test_an_unknown_name_is_one_short_line_with_those_that_are_near() -> None:
    with pytest.raises(UserError, match=r"`detectors.a.backbone` is 'resnet5O'.*`resnet50`") as error:
        check_backbone("resnet5O", "detectors.a.backbone")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200
    with pytest.raises(UserError, match=r"not a network of timm$"):
        check_backbone("qqqqqqqqqqqqq", "backbone")
