"""Counts of people and of pictures without an identity."""

from collections.abc import Iterable

FEW_PEOPLE = 1000
"""A detector trained on fewer people is a demonstration."""

NO_IDENTITY = "\x1f"
"""Prefix of the identities given to external predictions without one. No real identity starts with it."""


def states_identity(name: str, person: str) -> bool:
    """Whether the picture with the id `name` has a known identity, `person`.

    A picture's identity is its own id if its source has no rule for identities, and its number if a GAN made it.
    """
    return person not in (name, name.rpartition(".")[0]) and not person.startswith(NO_IDENTITY)


def people_of(faces: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Count people and pictures without an identity.

    Args:
        faces: id and identity of each picture.

    Returns:
        `people`, the number of known identities, and `without_identity`, the number of other pictures.
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
