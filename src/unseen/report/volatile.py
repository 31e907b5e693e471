"""The outputs whose bytes differ from run to run; all others have the same bytes for the same inputs on one CPU.

They say how long something took, or are made of what does. Nothing but the report depends on them. Whoever compares
the bytes of two runs leaves out these and nothing else.
"""

VOLATILE = ("metrics/costs", "metrics/speed", "metrics/report.html", "metrics/pareto.csv")


def is_volatile(path: str) -> bool:
    """Whether an output is one of them, or below one."""
    return any(path == one or path.startswith(f"{one}/") for one in VOLATILE)
