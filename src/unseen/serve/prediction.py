"""The classes of a prediction, and its rows for tables. Imports no slow package."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from unseen.serve.provenance import NOTHING, Provenance
from unseen.serve.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels of the upright picture, clipped to it."""


@dataclass(frozen=True)
class Face:
    """A scored face.

    Attributes:
        box: left, top, width and height in pixels of the upright picture.
        logit: output of the network, before the temperature; positive means fake.
        calibrated_logit: the logit divided by the temperature.
        score: calibrated probability of being fake, in [0, 1]: the sigmoid of `calibrated_logit`.
        above_threshold: whether the score is at or above the frozen threshold; FPR and TPR are the shares of such
            faces.
        verdict: `fake`, `unsure` or `not flagged`; see `unseen.serve.verdict`.
        why: the code of the reason if the verdict is `unsure`, else empty.
        detection_score: confidence of the face detector, in [0, 1].
    """

    box: Box
    logit: float
    calibrated_logit: float
    score: float
    above_threshold: bool
    verdict: Verdict
    why: str
    detection_score: float


@dataclass(frozen=True)
class NotScored:
    """A picture without a score or, with a box, a face without a score.

    Attributes:
        reason: a code, such as `no_face` or `damaged`.
        detail: the reason as text.
        box: the face's position; None for a whole picture.
    """

    reason: str
    detail: str
    box: Box | None = None


@dataclass(frozen=True)
class Prediction(Sequence[Face]):
    """The prediction for one picture: a sequence of its scored faces, highest detection score first.

    Attributes:
        name: the path as given; for other inputs `picture N`, where N counts the inputs from 0.
        faces: the scored faces.
        not_scored: the reason why the picture has no score, or the faces without a score.
        width: width of the upright picture in pixels; 0 if it could not be decoded.
        height: height of the upright picture in pixels; 0 if it could not be decoded.
        sha256: SHA-256 of the file's bytes, or of the pixels if no file was given; empty if it could not be read.
        provenance: what the file says about its origin. Scores do not use it. False if it says nothing or there is no
            file.
    """

    name: str
    faces: tuple[Face, ...] = ()
    not_scored: tuple[NotScored, ...] = ()
    width: int = 0
    height: int = 0
    sha256: str = ""
    provenance: Provenance = NOTHING

    @property
    def notes(self) -> tuple[str, ...]:
        """Codes of remarks that do not change a verdict: `several_faces` if the picture has more than one face."""
        return ("several_faces",) if len(self.faces) + sum(one.box is not None for one in self.not_scored) > 1 else ()

    @overload
    def __getitem__(self, index: int) -> Face: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Face, ...]: ...

    def __getitem__(self, index: int | slice) -> Face | tuple[Face, ...]:
        return self.faces[index]

    def __len__(self) -> int:
        return len(self.faces)


COLUMNS: dict[str, type] = {
    "name": str,
    "sha256": str,
    "width": int,
    "height": int,
    "left": int,
    "top": int,
    "box_width": int,
    "box_height": int,
    "detection_score": float,
    "logit": float,
    "calibrated_logit": float,
    "score": float,
    "above_threshold": bool,
    "verdict": str,
    "why": str,
    "error": str,
    "detail": str,
    "provenance": str,
}
"""The columns of a table of predictions. Every row has all of them; missing values are None."""


def _of_box(box: Box | None) -> dict[str, Any]:
    names = ("left", "top", "box_width", "box_height")
    return dict(zip(names, box, strict=True)) if box else dict.fromkeys(names)


def rows_of(prediction: Prediction) -> Iterator[dict[str, Any]]:
    """Yield one row for each face and one for each entry of `not_scored`, with the keys `COLUMNS`."""
    empty = dict.fromkeys(COLUMNS)
    picture = {key: getattr(prediction, key) or None for key in ("sha256", "width", "height")}
    picture["name"] = prediction.name
    picture["provenance"] = prediction.provenance.text() or None
    for face in prediction.faces:
        values = {key: value for key, value in vars(face).items() if key != "box"}
        yield {**empty, **picture, **_of_box(face.box), **values}
    for one in prediction.not_scored:
        yield {**empty, **picture, **_of_box(one.box), "error": one.reason, "detail": one.detail}


def to_frame(predictions: "Prediction | Iterable[Prediction]") -> "pd.DataFrame":
    """Convert predictions to a pandas DataFrame with the columns `COLUMNS`.

    It has one row for each face and one for each entry of `not_scored`. A row without a score has the reason in
    `error` and `detail`, and missing values in the columns of a face. Integers and booleans have pandas' nullable
    types.
    """
    import pandas as pd

    given = [predictions] if isinstance(predictions, Prediction) else predictions
    rows = [row for prediction in given for row in rows_of(prediction)]
    types = {str: "string", int: "Int64", float: "float64", bool: "boolean"}
    frame = pd.DataFrame.from_records(rows, columns=list(COLUMNS))
    return frame.astype({column: types[kind] for column, kind in COLUMNS.items()})
