"""Prompts: a template is filled with the caption and the attributes of a real face."""

import string
from collections.abc import Collection, Mapping

from unseen.core.errors import UserError
from unseen.core.settings import did_you_mean

CAPTION = "caption"


def fields_of(template: str) -> list[str]:
    """The names in braces of a template, in their order, each once.

    Raises:
        ValueError: a brace is not closed, or holds more than a name.
    """
    names: dict[str, None] = {}
    for _, name, spec, conversion in string.Formatter().parse(template):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(
                f"`{{{name}}}` in the prompt is not a plain name; write `{{caption}}` or an attribute such as "
                "`{gender}`, and `{{` for a brace"
            )
        names[name] = None
    return list(names)


def check_fields(template: str, known: Collection[str], key: str, captions: str) -> None:
    """Check that the names of a template are known.

    Args:
        template: the prompt.
        known: attributes of the sets and of the captions.
        key: of the template in params.
        captions: the caption table, or `none`.

    Raises:
        UserError: a name is unknown.
    """
    for name in fields_of(template):
        if name == CAPTION and captions == "none":
            raise UserError(
                f"params: `{key}` has {{caption}}, but there are no captions; set `captions`, or remove it"
            )
        if name != CAPTION and name not in known:
            raise UserError(f"params: `{key}` has {{{name}}}; {did_you_mean(name, [CAPTION, *sorted(known)])}")


def filled(template: str, values: Mapping[str, str], face: str) -> str:
    """The prompt of one face.

    Args:
        template: the prompt with names in braces.
        values: caption and attributes of the face.
        face: its id, for the message.

    Raises:
        UserError: the face has no such value.
    """
    missing = [name for name in fields_of(template) if not values.get(name, "").strip()]
    if missing:
        raise UserError(
            f"{face}: no {' and no '.join(f'`{name}`' for name in missing)} for the prompt {template!r}; add it to "
            "`attributes` of its source or of the captions, or take it out of the prompt"
        )
    return template.format_map({name: values[name].strip() for name in fields_of(template)})


def with_sentence(prompt: str, sentence: str) -> str:
    """A prompt with a sentence at its end."""
    before = prompt.rstrip()
    stop = "" if not before or before[-1] in ".!?" else "."
    return f"{before}{stop} {sentence}".strip() if sentence else prompt
