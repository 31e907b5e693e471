"""Verdicts: the same three words in every command, file and page."""

from typing import Final, Literal

Verdict = Literal["fake", "unsure", "not flagged"]

FAKE: Final = "fake"
UNSURE: Final = "unsure"
NOT_FLAGGED: Final = "not flagged"
"""Not `real`: a detector may miss the fakes of a generator that it was not trained on."""

IN_BAND: Final = "in_band"
"""Reason code of `unsure`: the score lies in the band in which validation faces do not tell fakes from reals."""

REASONS: dict[str, str] = {
    "small_face": "the face has fewer pixels than validation faces",
    "degraded": "the face is more blurred, enlarged or compressed than validation faces",
    "profile": "the head is turned further than on validation faces",
    IN_BAND: "the score lies in the band in which validation faces do not tell fakes from reals",
}
"""Reasons of `unsure` by their code: those of `unseen.gate.limits`, then the score's own. The first one is given."""

MEANINGS: dict[str, str] = {
    FAKE: "the score reaches the threshold",
    UNSURE: "the face is outside of what the detector was measured on, or the score lies in the band in which "
    "validation faces do not tell fakes from reals; `why` has the reason",
    NOT_FLAGGED: "the score is below the threshold; that does not mean that the face is real",
}


def verdict_of(score: float, threshold: float, unsure: tuple[float, float]) -> Verdict:
    """The verdict for a score. The limits of the unsure band are `unsure`; the threshold is `fake`."""
    if unsure[0] <= score <= unsure[1]:
        return UNSURE
    return FAKE if score >= threshold else NOT_FLAGGED
