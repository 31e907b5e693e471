"""The knobs: ramps, what they refuse, and what a card holds."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from unseen.core.errors import UserError
from unseen.core.kinds import read_kind
from unseen.core.settings import validated
from unseen.gans.shared.settings import FakeSettings, QualitySettings, Ramp, gan_settings

from .tiny import DCGAN, KINDS, settings

RAMP = {"start": 2.0, "end": 0.2}


def test_a_ramp_follows_half_a_cosine_and_then_stays() -> None:
    knobs = settings(penalty=RAMP, burn_in=1000)
    at = {images: knobs.at(knobs.penalty, images) for images in (0, 250, 500, 1000, 1001, 10**9)}
    eighth = 0.2 + 1.8 * (1 + math.cos(math.pi / 4)) / 2
    assert at == pytest.approx({0: 2.0, 250: eighth, 500: 1.1, 1000: 0.2, 1001: 0.2, 10**9: 0.2})
    assert at[1000] == at[10**9] == 0.2


def test_a_ramp_may_rise() -> None:
    knobs = settings(beta2={"start": 0.9, "end": 0.99}, burn_in=10)
    rising = [knobs.at(knobs.beta2, images) for images in range(12)]
    assert rising[0] == pytest.approx(0.9)
    assert rising == sorted(rising)
    assert rising[10] == rising[11] == 0.99


@pytest.mark.parametrize("images", [0, 30, 64, 1000])
def test_a_number_stays_what_it_is(images: int) -> None:
    knobs = settings(learning_rate=0.0003, ema=7)
    assert (knobs.at(knobs.learning_rate, images), knobs.at(knobs.ema, images)) == (0.0003, 7)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(1, 10**8), st.integers(0, 10**9))
def test_a_ramp_never_leaves_its_ends(start: float, end: float, burn_in: int, images: int) -> None:
    found = settings(burn_in=burn_in).at(Ramp(start=start, end=end), images)
    slack = 1e-9 * max(start, end)
    assert min(start, end) - slack <= found <= max(start, end) + slack


@pytest.mark.parametrize(
    ("images", "batch", "steps"), [(64, 8, 8), (65, 8, 9), (63, 8, 8), (1, 8, 1), (10**8, 2, 5 * 10**7)]
)
def test_steps_round_up(images: int, batch: int, steps: int) -> None:
    assert settings(images=images, batch=batch).steps == steps


REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"learning_rate": "slow"}, ["`gans.tiny.learning_rate` is 'slow'", "give a number, or `start` and `end`"]),
    ({"learning_rate": True}, ["`gans.tiny.learning_rate` is True", "give a number"]),
    ({"learning_rate": None}, ["`gans.tiny.learning_rate` is None", "give a number"]),
    ({"learning_rate": [1, 2]}, ["`gans.tiny.learning_rate` is [1, 2]", "give a number"]),
    ({"learning_rate": -0.1}, ["`gans.tiny.learning_rate.start` is -0.1", "greater than or equal to 0"]),
    ({"learning_rate": math.nan}, ["`gans.tiny.learning_rate.start` is nan"]),
    ({"penalty": math.inf}, ["`gans.tiny.penalty.start` is inf", "finite"]),
    ({"penalty": {"start": 2.0}}, ["`gans.tiny.penalty.end` is missing"]),
    ({"penalty": {"start": 2.0, "end": "low"}}, ["`gans.tiny.penalty.end` is 'low'", "number"]),
    ({"penalty": {"start": 2.0, "end": -1.0}}, ["`gans.tiny.penalty.end` is -1.0"]),
    ({"penalty": RAMP | {"middle": 1}}, ["`gans.tiny.penalty.middle` is not a known key", "allowed: end, start"]),
    ({"ema": -5}, ["`gans.tiny.ema.start` is -5"]),
    ({"beta1": 1.0}, ["`gans.tiny.beta1` is 1.0", "less than 1"]),
    ({"beta2": 1.0}, ["`gans.tiny`", "`beta2` must stay below 1"]),
    ({"beta2": {"start": 0.9, "end": 1.5}}, ["`gans.tiny`", "`beta2` must stay below 1"]),
    ({"beta2": {"start": 1.0, "end": 0.9}}, ["`gans.tiny`", "`beta2` must stay below 1"]),
    ({"label_smoothing": 0.1, "loss": "hinge"}, ["`label_smoothing` goes with `loss: non_saturating`", "'hinge'"]),
    ({"label_smoothing": 0.1, "loss": "relativistic"}, ["`label_smoothing` goes with", "'relativistic'"]),
    ({"label_smoothing": 0.5}, ["`gans.tiny.label_smoothing` is 0.5", "less than 0.5"]),
    ({"upsample": "bicubic"}, ["`gans.tiny.upsample` is 'bicubic'", "allowed: transposed, nearest, bilinear"]),
    ({"architecture": "r3gann"}, ["`gans.tiny.architecture` is 'r3gann'", "did you mean `r3gan`?"]),
    ({"spectral_norm": 1}, ["`gans.tiny.spectral_norm` is 1"]),
    ({"images": 0}, ["`gans.tiny.images` is 0"]),
    ({"images": 1.5}, ["`gans.tiny.images` is 1.5", "integer"]),
    ({"batch": 1}, ["`gans.tiny.batch` is 1"]),
    ({"penalty_every": 0}, ["`gans.tiny.penalty_every` is 0"]),
    ({"burn_in": 0}, ["`gans.tiny.burn_in` is 0"]),
    ({"snapshots": [0.5, 1.0]}, ["`gans.tiny.snapshots.1` is 1.0", "less than 1"]),
    ({"snapshots": [0.0]}, ["`gans.tiny.snapshots.0` is 0.0", "greater than 0"]),
    ({"snapshots": 0.5}, ["`gans.tiny.snapshots` is 0.5", "list"]),
    ({"blocks": 2}, ["`gans.tiny.blocks` is not a known key"]),
    ({"architecture": None}, ["`gans.tiny.architecture` is missing; allowed: dcgan, r3gan"]),
    ({"architecture": "r3gan", "blocks": 0}, ["`gans.tiny.blocks` is 0"]),
    ({"steps": 100}, ["`gans.tiny.steps` is not a known key"]),
]


@pytest.mark.parametrize(("changed", "fragments"), REFUSED, ids=[" ".join(changed) for changed, _ in REFUSED])
def test_what_is_wrong_is_one_line_that_names_the_knob(
    tmp_path: Path, changed: dict[str, Any], fragments: list[str]
) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"gans": {"tiny": DCGAN | changed}}))
    with pytest.raises(UserError) as error:
        read_kind(tmp_path / "params.yaml", ["gans", "tiny"], "gans/architectures", "architecture")
    message = str(error.value)
    assert "\n" not in message
    assert [fragment for fragment in fragments if fragment not in message] == [], message


@pytest.mark.parametrize("kind", KINDS)
def test_knobs_are_read_from_params_and_from_a_card_alike(tmp_path: Path, kind: str) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"gans": {"tiny": DCGAN | KINDS[kind]}}))
    knobs = read_kind(tmp_path / "params.yaml", ["gans", "tiny"], "gans/architectures", "architecture")
    assert knobs == settings(kind)
    assert gan_settings(knobs.model_dump(), "card") == knobs
    assert type(knobs).model_validate_json(knobs.model_dump_json()) == knobs


@pytest.mark.parametrize(
    ("changed", "fragment"),
    [
        ({"samples": 15}, "`quality.samples` is 15"),
        ({"inception": "inception"}, "`quality.inception` is 'inception'"),
    ],
)
def test_a_bad_measure_is_refused(changed: dict[str, Any], fragment: str) -> None:
    good = {"inception": "none", "samples": 16}
    assert validated(QualitySettings, good, "quality").samples == 16
    with pytest.raises(UserError, match=fragment):
        validated(QualitySettings, good | changed, "quality")


@pytest.mark.parametrize("snapshot", [0.0, 1.1, "last"])
def test_a_bad_snapshot_is_refused(snapshot: Any) -> None:
    good = {"group": "own", "use": "train", "gan": "tiny", "count": 3}
    assert validated(FakeSettings, good, "fakes.a").snapshot == 1.0, "the end, where nothing is said"
    with pytest.raises(UserError, match=r"`fakes\.a\.snapshot` is"):
        validated(FakeSettings, good | {"snapshot": snapshot}, "fakes.a")


def test_what_is_not_given_follows_from_what_is() -> None:
    knobs = gan_settings({"architecture": "dcgan", "train_on": "faces/people", "images": 1003}, "gan")
    assert (knobs.burn_in, knobs.sample_every) == (1003, 200)
    assert knobs.learning_rate == Ramp.constant(0.0002)


def test_an_architecture_has_defaults_of_its_own_that_may_be_changed() -> None:
    given_up = {"architecture": "r3gan", "train_on": "faces/people", "penalty_every": 2}
    knobs = gan_settings(given_up, "gan")
    assert (knobs.loss, knobs.penalty, knobs.penalty_every) == ("relativistic", Ramp(start=1.0, end=0.1), 2)


def test_a_wrong_number_is_one_problem_also_where_defaults_follow_from_it() -> None:
    with pytest.raises(UserError, match=r"^params: `gan\.images` is 'many'"):
        gan_settings({"architecture": "dcgan", "train_on": "faces/people", "images": "many"}, "gan")
