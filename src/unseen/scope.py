"""How far a result reaches."""

FEW_PEOPLE = 1000
"""A detector that was trained on fewer people is called a demonstration."""
