"""How far a result reaches."""

FEW_PEOPLE = 1000
"""A detector that was trained on fewer people is called a demonstration."""

NO_IDENTITY = "\x1f"
"""Begins the identity that external predictions get where they name none. No person is called so."""
