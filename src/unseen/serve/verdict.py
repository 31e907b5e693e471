"""The three verdicts, which every command, file and page uses."""

from typing import Final, Literal

Verdict = Literal["fake", "unsure", "not flagged"]

FAKE: Final = "fake"
UNSURE: Final = "unsure"
NOT_FLAGGED: Final = "not flagged"
"""It is not called `real`, because a detector may miss fakes of a generator that it was not trained on."""

IN_BAND: Final = "in_band"
"""Reason code of `unsure`: the score lies in the band in which validation faces are not clearly separated."""

REASONS: dict[str, str] = {
    "small_face": "the face has fewer pixels than validation faces",
    "degraded": "the face is more blurred, enlarged or compressed than validation faces",
    "profile": "the head is turned further than on validation faces",
    IN_BAND: "the score lies in the band in which real and fake validation faces are not clearly separated",
}
"""Reasons of `unsure` by code: those of `unseen.gate.limits`, then that of the score. The first one that applies is
reported."""

MEANINGS: dict[str, str] = {
    FAKE: "the score reaches the threshold",
    UNSURE: "the face is unlike the validation faces of the detector, or the score lies in the band in which real "
    "and fake validation faces are not clearly separated; `why` has the reason",
    NOT_FLAGGED: "the score is below the threshold; that does not mean that the face is real",
}


def verdict_of(score: float, threshold: float, unsure: tuple[float, float]) -> Verdict:
    """Return the verdict for a score. Scores on a limit of the unsure band are `unsure`; other scores that are equal
    to the threshold are `fake`."""
    if unsure[0] <= score <= unsure[1]:
        return UNSURE
    return FAKE if score >= threshold else NOT_FLAGGED
