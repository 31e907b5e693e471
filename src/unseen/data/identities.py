"""How far a result reaches."""

from collections.abc import Iterable

FEW_PEOPLE = 1000
"""A detector that was trained on fewer people is called a demonstration."""

NO_IDENTITY = "\x1f"
"""Begins the identity that external predictions get where they name none. No person is called so."""


def states_identity(name: str, person: str) -> bool:
    """Whether the identity of a picture with the id `name` was stated.

    A source without a rule for identities gives each picture its own id as identity, and a GAN its number.
    """
    return person not in (name, name.rpartition(".")[0]) and not person.startswith(NO_IDENTITY)


def people_of(faces: Iterable[tuple[str, str]]) -> dict[str, int]:
    """How many people some pictures are known to show, and how many pictures say nothing about that.

    Args:
        faces: the id and the identity of each.

    Returns:
        `people`, the number of identities that were stated, and `without_identity`, the number of other pictures.
    """
    known, unknown = set[str](), 0
    for name, person in faces:
        if states_identity(name, person):
            known.add(person)
        else:
            unknown += 1
    return {"people": len(known), "without_identity": unknown}


def people_text(people: int, without_identity: int) -> str:
    """`9 people`, `194 pictures without identities`, or both."""
    known = f"{people:,} {'person' if people == 1 else 'people'}"
    if not without_identity:
        return known
    pictures = f"{without_identity:,} picture{'' if without_identity == 1 else 's'} without identities"
    return f"{known} and {pictures}" if people else pictures
