"""Outputs whose bytes differ from run to run, since they contain times.

All other outputs have the same bytes for the same inputs on one CPU. Only the report depends on volatile outputs.
"""

VOLATILE = ("metrics/costs", "metrics/speed", "metrics/report.html", "metrics/pareto.csv")


def is_volatile(path: str) -> bool:
    """Whether an output is volatile, or in a volatile folder."""
    return any(path == one or path.startswith(f"{one}/") for one in VOLATILE)
