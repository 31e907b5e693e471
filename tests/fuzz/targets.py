"""Parsers of files and requests from strangers, each as a function of bytes.

A target returns True if the parser accepts the bytes, and False if it refuses them as documented: with one line that
can be printed, or with a reason code. Any other exception, and any broken promise, is a fault.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

from unseen.core.errors import UserError

CORPUS = Path(__file__).with_name("corpus")

WHOLE = "whole-"
"""Start of the name of a corpus file that its parser must accept. The others are only parsed."""

Target = Callable[[bytes], bool]

MAX_PIXELS = 1_000_000
REASONS = {"empty", "not_an_image", "unsupported_format", "too_large", "animated", "damaged", "unsupported_mode"}
STATUSES = {200, 400, 408, 413, 415, 422}


@cache
def scratch() -> Path:
    """A folder of this process for parsers that read files."""
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    folder = tempfile.TemporaryDirectory(prefix="unseen-fuzz-", dir=base)
    scratch_folders.append(folder)
    return Path(folder.name)


scratch_folders: list[Any] = []
"""Removed when the process ends."""


def is_line(text: str) -> bool:
    """Whether a message is one line that changes nothing in a terminal."""
    return bool(text) and text.isprintable()


def refused(error: UserError) -> bool:
    """False, after a check of the message."""
    assert is_line(str(error)), repr(str(error))
    return False


def written(name: str, data: bytes) -> Path:
    """The bytes as a file."""
    path = scratch() / name
    path.write_bytes(data)
    return path


def picture(data: bytes) -> bool:
    """`unseen.faces.decode`, which reads all pictures."""
    from unseen.faces.decode import BadPictureError, decode

    try:
        found = decode(data, MAX_PIXELS)
    except BadPictureError as error:
        if error.reason not in REASONS:
            raise
        return False
    assert found.mode == "RGB"
    assert 0 < found.width * found.height <= MAX_PIXELS
    return True


def metadata(data: bytes) -> bool:
    """The two readers of metadata: one removes them before decoding, the other reports provenance."""
    from unseen.faces.metadata import without_metadata
    from unseen.serve.provenance import provenance

    bare, found = without_metadata(data)
    assert len(bare) <= len(data)
    assert 1 <= found.orientation() <= 8
    said = provenance(data)
    assert len(said.text()) < 3000
    json.dumps(said.as_dict())
    return bool(said) or found.orientation() > 1


def archive(data: bytes) -> bool:
    """`unseen.sources.shared.archive`: zip and tar, compressed or not."""
    from unseen.core.picture_names import normal
    from unseen.sources.shared.archive import check_archive, members

    path = written("archive", data)
    try:
        check_archive(path)
        read = [member for member in members(path, "*") if not member.refused]
    except UserError as error:
        return refused(error)
    assert all(member.name == normal(member.name) for member in read)
    return bool(read)


def table(data: bytes) -> bool:
    """`unseen.core.tables.table_of`: attribute tables of archives, CSV or Parquet."""
    from unseen.core.tables import table_of

    try:
        found = table_of("table", data)
        texts = {name: found.text(name) for name in found.names}
    except UserError as error:
        return refused(error)
    assert all(len(text) == len(found) for text in texts.values())
    return bool(texts)


def predictions(data: bytes) -> bool:
    """External predictions of `unseen evaluate`: CSV or Parquet."""
    import numpy as np

    from unseen.evaluation.external import read_all

    try:
        found = read_all([written("predictions", data)], ["gender"])
    except UserError as error:
        return refused(error)
    assert found["label"].isin([0, 1]).all()
    assert np.isfinite(found["score"]).all()
    assert len(found)
    return True


def stored_predictions(data: bytes) -> bool:
    """`unseen.data.predictions`: what `score` writes and `evaluate` reads."""
    from unseen.data.predictions import read_predictions

    try:
        return bool(len(read_predictions(written("stored.parquet", data))))
    except UserError as error:
        return refused(error)


def params(data: bytes) -> bool:
    """`params.yaml`."""
    from unseen.params.check import checked

    try:
        found = checked(written("params.yaml", data))
    except UserError as error:
        return refused(error)
    assert all(map(is_line, found.problems)), found.problems
    return found.params is not None


@cache
def _app() -> Any:
    from serve.page.clients import Quick
    from unseen.serve.page.app import make_app
    from unseen.serve.page.guard import LOOPBACK
    from unseen.serve.page.limits import Limits

    return make_app(Quick(), Limits(), hosts=LOOPBACK)


def upload(data: bytes) -> bool:
    """The body of `POST /predict/batch`. The first line is the content type."""
    from serve.page.clients import in_chunks

    kind, _, body = data.partition(b"\n")
    pieces = [body[: len(body) // 2], body[len(body) // 2 :]]
    status, _, answer, _ = in_chunks(_app(), "/predict/batch", pieces, {"content-type": kind.decode("latin-1")})
    assert status in STATUSES, (status, answer)
    assert status == 200 or set(answer) == {"error", "detail"}
    return status == 200


def _detector(name: str, data: bytes) -> bool:
    """The folder of a detector with one of its two files replaced."""
    from unseen.detectors.shared.artifact import load_detector

    folder = scratch() / f"detector-{name}"
    if not folder.exists():
        shutil.copytree(CORPUS / "detector", folder)
    (folder / name).write_bytes(data)
    try:
        load_detector(folder)
    except UserError as error:
        return refused(error)
    return True


def limits(data: bytes) -> bool:
    """`gate.json` of a detector."""
    from unseen.gate.limits import FILE, read_limits

    try:
        return read_limits(written(FILE, data).parent) is not None
    except UserError as error:
        return refused(error)


def findings(data: bytes) -> bool:
    """`metrics/findings.json`, which `unseen verify` compares with a whole one."""
    from unseen.report.agreement import compare
    from unseen.report.stored_findings import parse_findings

    whole = json.loads((CORPUS / "findings/whole-findings.json").read_bytes())
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    try:
        found = parse_findings(text, "findings.json")
        return bool(compare(found, whole)) and bool(compare(whole, found))
    except UserError as error:
        return refused(error)


def hub_listing(data: bytes) -> bool:
    """A hub's list of a model's files."""
    from unseen.sources.hub.client import NOT_A_LISTING, _parsed
    from unseen.sources.hub.select import is_safe, select
    from unseen.sources.hub.settings import HubSettings

    try:  # as in `Hub.listing`
        listing = _parsed(json.loads(data), "")
    except NOT_A_LISTING:
        return False
    try:
        taken = select(HubSettings(repo="owner/name", revision=""), listing.files)
    except UserError as error:
        return refused(error)
    assert all(is_safe(file.name) and file.name.endswith((".safetensors", ".json", ".txt")) for file in taken)
    return bool(taken)


def video(data: bytes) -> bool:
    """The frames of a video; PyAV decodes them."""
    from unseen.serve.video import Frames

    frames = Frames(written("clip.mp4", data), 5.0)
    try:
        shapes = {frame.shape[2] for frame in islice(frames, 20)}
    except UserError as error:
        return refused(error)
    assert shapes <= {3}
    return bool(shapes) and not frames.error


def prediction_checkpoint(data: bytes) -> bool:
    """The database of a stopped `unseen predict --resume`."""
    from unseen.serve.prediction_checkpoint import PredictionCheckpoint

    path = written("out.csv.checkpoint", data)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    opened = None
    try:
        opened = PredictionCheckpoint(path, {"detector": "a"}, True)
        left = list(opened.unknown(["a.jpg"]))
        return not left and bool(list(opened.rows()))
    except UserError as error:
        return refused(error)
    except PermissionError:  # the file says that it is read-only
        return False
    finally:
        if opened:
            opened.close()


TARGETS: dict[str, Target] = {
    "picture": picture,
    "metadata": metadata,
    "archive": archive,
    "table": table,
    "predictions": predictions,
    "stored_predictions": stored_predictions,
    "params": params,
    "upload": upload,
    "card": partial(_detector, "detector.json"),
    "weights": partial(_detector, "weights.safetensors"),
    "limits": limits,
    "findings": findings,
    "hub_listing": hub_listing,
    "video": video,
    "prediction_checkpoint": prediction_checkpoint,
}

TOKENS: dict[str, tuple[bytes, ...]] = {
    "json": (b"null", b"-1", b"1e999", b"NaN", b"[]", b"{}", b'""', b"true", b"[" * 2000, b"9" * 400, b'"\\ud800"'),
    "yaml": (b"null", b"-1", b"*a", b"&a ", b"<<: ", b"[", b"{", b"!!x ", b"- ", b": ", b"\n  ", b"1e999", b"\x85"),
    "csv": (b",", b";", b'"', b"\r", b"\0", b"sep=;\n", b"\n\n", b"nan", b"id,", b"\xff\xfe", b"1e999"),
    "form": (b"\r\n", b"--x", b"--x--", b"; charset=", b'filename="', b"filename*=utf-8''%ff", b"\0", b"multipart/"),
    "binary": (b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\x7f\xff\xff\xff", b"PK\x05\x06"),
}
"""What is written into corpus files, by their language."""

LANGUAGES = {"params": "yaml", "table": "csv", "predictions": "csv", "upload": "form"} | dict.fromkeys(
    ("card", "limits", "findings", "hub_listing"), "json"
)


def tokens_of(name: str) -> tuple[bytes, ...]:
    """The tokens for the corpus of a target."""
    return TOKENS[LANGUAGES.get(name, "binary")]


def corpus(name: str) -> list[Path]:
    """The files of a target's corpus, by name."""
    return sorted((CORPUS / name).iterdir())
