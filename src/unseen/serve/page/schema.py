"""The JSON schema of the HTTP API. Later versions may add fields but do not change these."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class FaceAnswer(_Open):
    """A scored face."""

    box: tuple[int, int, int, int] = Field(description="left, top, width, height in pixels of the upright picture")
    logit: float = Field(description="output of the network, before the temperature; positive means fake")
    calibrated_logit: float = Field(description="the logit divided by the temperature")
    score: float = Field(description="calibrated probability of being fake, 0 to 1")
    above_threshold: bool
    verdict: str = Field(description="`fake`, `unsure` or `not flagged`; `not flagged` does not mean real")
    why: str = Field("", description="the reason for `unsure`; empty for other verdicts")
    detection_score: float = Field(description="confidence of the face detector, 0 to 1")
    heat: str | None = Field(None, description="with `heat=1`: the crop with its heat map, as a PNG data URI")


class NotScoredAnswer(_Open):
    """A face without a score, or a picture without a face."""

    reason: str = Field(description="a code such as `no_face` or `too_small`")
    detail: str
    box: tuple[int, int, int, int] | None = None


class Answer(_Open):
    """The faces of a picture, highest detection score first."""

    name: str = Field("", description="file name, as sent by the client")
    detector: str
    threshold: float
    unsure: tuple[float, float] = Field(description="lowest and highest score of the unsure band")
    width: int = Field(description="of the upright picture, in pixels")
    height: int
    sha256: str = Field(description="SHA-256 of the uploaded bytes")
    faces: list[FaceAnswer]
    not_scored: list[NotScoredAnswer]
    provenance: Any = Field(None, description="what the file's metadata say about its origin; null if nothing")
    seconds: float = Field(description="scoring time of this picture, without the upload and the wait")


class ErrorAnswer(_Open):
    """Why a request or a picture has no answer."""

    error: str = Field(description="a code")
    detail: str = Field(description="a sentence")


class BatchItem(_Open):
    """One picture of a batch: an answer, or the reason why there is none."""

    name: str
    status: int = Field(description="the HTTP status that this picture would have in a request of its own")
    answer: Answer | None = None
    error: ErrorAnswer | None = None


class BatchAnswer(_Open):
    """The pictures of a batch, in the order of the form."""

    pictures: list[BatchItem]


_FILE = {"type": "string", "format": "binary"}


def _form(**fields: Any) -> dict[str, Any]:
    return {"multipart/form-data": {"schema": {"type": "object", "properties": fields, "required": list(fields)}}}


ONE_BODY = {
    "requestBody": {
        "required": True,
        "content": {**_form(file=_FILE), "image/*": {"schema": _FILE}, "application/octet-stream": {"schema": _FILE}},
    }
}
"""The body of `POST /predict` for OpenAPI. FastAPI can't derive it, because the handler reads the raw stream."""

BATCH_BODY = {"requestBody": {"required": True, "content": _form(files={"type": "array", "items": _FILE})}}

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": text}
    for status, text in {
        400: "the form is damaged",
        401: "the token is missing or wrong",
        408: "the upload took too long",
        413: "the body is too large",
        415: "the media type or the format of the picture is not supported",
        422: "the picture is damaged, or has too many pixels or faces",
        429: "too many requests are in progress; see the header Retry-After",
        503: "scoring, or the wait in the queue, took too long",
    }.items()
}
