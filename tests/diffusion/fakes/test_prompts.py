"""Prompts from templates."""

import pytest

from unseen.core.errors import UserError
from unseen.diffusion.fakes.prompts import check_fields, fields_of, filled, with_sentence

STUDY = "A face image of {caption}. And the {gender} is {age} years old {race} and {emotion}."
VALUES = {"caption": "a man with a hat ", "gender": "man", "age": "30", "race": "Asian", "emotion": "happy", "x": "y"}


def test_the_template_of_the_study() -> None:
    assert fields_of(STUDY) == ["caption", "gender", "age", "race", "emotion"]
    assert filled(STUDY, VALUES, "orl/1.pgm") == (
        "A face image of a man with a hat. And the man is 30 years old Asian and happy."
    )
    assert filled("{{x}} {x} {x}", VALUES, "") == "{x} y y"
    assert filled("a face", {}, "") == "a face"


@pytest.mark.parametrize("missing", [{}, {"age": ""}, {"age": " "}])
def test_a_missing_attribute_is_one_line(missing: dict[str, str]) -> None:
    values = {name: value for name, value in VALUES.items() if name not in ("age", "race")} | missing
    with pytest.raises(UserError) as error:
        filled(STUDY, values, "orl/1.pgm")
    assert str(error.value).startswith("orl/1.pgm: no `age` and no `race` for the prompt 'A face image")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("template", ["{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{a", "a}", "{a b}"])
def test_only_plain_names(template: str) -> None:
    with pytest.raises(ValueError, match=r"plain name|brace|'}'|'{'"):
        fields_of(template)


def test_a_value_is_not_a_template() -> None:
    assert filled("{caption}", {"caption": "{gender}"}, "") == "{gender}"


def test_unknown_names_are_found_before_anything_runs() -> None:
    check_fields(STUDY, set(VALUES), "diffuse.x.prompt", "blip")
    with pytest.raises(UserError, match=r"`diffuse.x.prompt` has {caption}, but there are no captions"):
        check_fields(STUDY, set(VALUES), "diffuse.x.prompt", "none")
    with pytest.raises(UserError, match=r"has {gendr}; allowed: caption, gender; did you mean `gender`\?"):
        check_fields("{gendr}", {"gender"}, "diffuse.x.prompt", "none")


def test_the_added_sentence() -> None:
    assert with_sentence("A face.", "Like it") == "A face. Like it"
    assert with_sentence("a face", "Like it") == "a face. Like it"
    assert with_sentence("a face ", "") == "a face "
