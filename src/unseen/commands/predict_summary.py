"""The last line of `unseen predict`."""

from collections import Counter
from typing import Any

from unseen.commands.words import count
from unseen.serve.verdict import FAKE, NOT_FLAGGED, UNSURE

RATE_FROM = 20
"""Number of pictures from which on a rate is printed."""


class Summary:
    """Counts pictures, faces by verdict, and what was not scored by reason.

    Attributes:
        pictures: number of pictures.
        verdicts: number of faces by verdict.
        without: number of pictures without a score, by reason.
        faces_without: number of faces without a score in pictures with scored faces, by reason.
    """

    def __init__(self) -> None:
        self.pictures = 0
        self.verdicts, self.without, self.faces_without = Counter[str](), Counter[str](), Counter[str]()

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Count the rows of a picture."""
        self.pictures += 1
        verdicts = [row["verdict"] for row in rows if row["verdict"]]
        reasons = [row["error"] for row in rows if row["error"]]
        self.verdicts.update(verdicts)
        if verdicts:
            self.faces_without.update(reasons)
        else:
            self.without.update(reasons[:1])

    @property
    def faces(self) -> int:
        """Number of scored faces."""
        return self.verdicts.total()

    def text(self, seconds: float, loading_s: float, new_faces: int) -> str:
        """Format the counts in one line, with the rate for `RATE_FROM` pictures or more.

        Args:
            seconds: time of scoring.
            loading_s: time in seconds before scoring.
            new_faces: number of faces scored in this time.
        """
        parts = [
            f"{count(self.pictures, 'picture')}, {count(self.faces, 'face')}: {self.verdicts[FAKE]} {FAKE}, "
            f"{self.verdicts[UNSURE]} {UNSURE}, {self.verdicts[NOT_FLAGGED]} {NOT_FLAGGED}",
            f"{self.without.total()} not scored{_reasons(self.without)}",
        ]
        if self.faces_without:
            parts.append(
                f"{count(self.faces_without.total(), 'further face')} not scored{_reasons(self.faces_without)}"
            )
        if self.pictures >= RATE_FROM:
            parts.append(
                f"{seconds:.1f} s, {new_faces / max(seconds, 1e-9):.1f} faces/s, after {loading_s:.1f} s to load"
            )
        return "; ".join(parts)


def _reasons(found: Counter[str]) -> str:
    return f" ({', '.join(f'{number} {reason}' for reason, number in found.most_common())})" if found else ""
