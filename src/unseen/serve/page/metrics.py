"""Counters of a server in the Prometheus text format. They contain no file names and no data of pictures.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram of scoring times, in seconds."""


class Metrics:
    """Counts requests by path and status, faces by verdict, pictures and faces without a score by reason, and scoring
    times."""

    def __init__(self) -> None:
        """Set all counters to zero."""
        self.requests: Counter[tuple[str, int]] = Counter()
        self.faces: Counter[str] = Counter()
        self.not_scored: Counter[str] = Counter()
        self._within = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def time(self, seconds: float) -> None:
        """Add the scoring time of a picture, without its wait."""
        self._within[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def text(self, gauges: Mapping[str, float]) -> str:
        """Return all counters and gauges as text."""
        lines = ["# HELP unseen_requests_total Requests by path and status.", "# TYPE unseen_requests_total counter"]
        lines += [
            f'unseen_requests_total{{path="{path}",status="{status}"}} {n}'
            for (path, status), n in sorted(self.requests.items())
        ]
        for name, label, help, counts in (
            ("unseen_faces_total", "verdict", "Scored faces by verdict.", self.faces),
            ("unseen_not_scored_total", "reason", "Pictures and faces without a score.", self.not_scored),
        ):
            lines += [f"# HELP {name} {help}", f"# TYPE {name} counter"]
            lines += [f'{name}{{{label}="{value}"}} {n}' for value, n in sorted(counts.items())]
        lines += ["# HELP unseen_picture_seconds Time of a picture.", "# TYPE unseen_picture_seconds histogram"]
        so_far = 0
        for bound, n in zip([*map(str, BOUNDS), "+Inf"], self._within, strict=True):
            so_far += n
            lines.append(f'unseen_picture_seconds_bucket{{le="{bound}"}} {so_far}')
        lines += [f"unseen_picture_seconds_sum {self._seconds:.6f}", f"unseen_picture_seconds_count {so_far}"]
        for name, value in gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value:g}"]
        return "\n".join(lines) + "\n"
