"""Requests beyond the limits have clear answers, before more of them is read; nothing is written to disk."""

import tempfile
import threading
import time
from typing import Any

import pytest

from unseen.serve.page.app import make_app
from unseen.serve.page.limits import Limits
from unseen.serve.page.worker import MOST_LEFT

from .clients import Quick, client, in_chunks

SMALL = Limits(bytes=1000, batch_bytes=1500, batch=3, seconds=20, queue=2)
IMAGE = {"Content-Type": "image/png"}


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_read() -> None:
    status, headers, body, asked = in_chunks(make_app(Quick(), SMALL), "/predict", [b"x"], {"content-length": "1001"})
    assert (status, body["error"], asked) == (413, "body_too_large", 0)
    assert headers["connection"] == "close"


def test_a_body_is_counted_while_it_arrives() -> None:
    chunks = [b"x" * 400] * 50
    status, headers, body, asked = in_chunks(make_app(Quick(), SMALL), "/predict", chunks)
    assert (status, body["error"]) == (413, "body_too_large")
    assert asked == 3, "the rest is not read"
    assert headers["connection"] == "close"


def test_a_form_is_counted_in_the_same_way() -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    chunks = [head, *([b"x" * 10_000] * 50)]
    headers = {"content-type": "multipart/form-data; boundary=b"}
    status, _, body, asked = in_chunks(make_app(Quick(), SMALL), "/predict", chunks, headers)
    assert (status, body["error"]) == (413, "body_too_large")
    assert asked < 10


def test_a_file_of_a_form_is_at_most_as_large_as_a_body() -> None:
    assert client(limits=SMALL).post("/predict", files={"file": b"x" * 1000}).status_code == 200
    assert client(limits=SMALL).post("/predict", files={"file": b"x" * 1001}).status_code == 413
    files = [("files", (f"{i}", b"x" * 501)) for i in range(3)]
    assert client(limits=SMALL).post("/predict/batch", files=files[:2]).status_code == 200


def test_a_slow_upload_is_ended() -> None:
    limits = Limits(seconds=0.3)
    status, _, body, asked = in_chunks(make_app(Quick(), limits), "/predict", [b"x"] * 100, pause=0.05)
    assert (status, body["error"]) == (408, "upload_too_slow")
    assert asked < 20


@pytest.mark.parametrize("size", [3_000_000, 100])
def test_no_temporary_file_is_made(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # a spooled file becomes one
    monkeypatch.setattr(tempfile, "_TemporaryFileWrapper", refuse, raising=False)
    found = client().post("/predict/batch", files=[("files", ("a", b"x" * size)), ("files", ("b", b"y" * size))])
    assert found.status_code == 200
    assert [one["status"] for one in found.json()["pictures"]] == [200, 200]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "application/x-www-form-urlencoded"])
def test_other_media_types_are_refused(kind: str) -> None:
    found = client().post("/predict", content=b"x", headers={"Content-Type": kind})
    assert (found.status_code, found.json()["error"]) == (415, "media_type")
    found = client().post("/predict/batch", content=b"x", headers=IMAGE)
    assert (found.status_code, found.json()["error"]) == (415, "media_type")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"--b\r\n", "multipart/form-data", 400),
        (b"nothing", "multipart/form-data; boundary=b", 400),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 422),
        (b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n/etc/passwd\r\n--b--\r\n', "x", 422),
        (b'--b\r\nContent-Disposition: form-data; filename="a"\r\n\r\nx\r\n--b--\r\n', "x", 400),
        (b"--b\r\nX: y\r\n\r\nx\r\n--b--\r\n", "x", 400),
    ],
)
def test_damaged_forms_are_refused(body: bytes, kind: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    kind = "multipart/form-data; boundary=b" if kind == "x" else kind
    scorer = Quick()
    found = client(scorer).post("/predict", content=body, headers={"Content-Type": kind})
    assert found.status_code == status, found.text
    assert set(found.json()) == {"error", "detail"}
    assert scorer.calls == 0
    assert [one.name for one in caplog.records if "multipart" in one.name] == [], "nothing of a body is logged"


def test_too_many_pictures_are_refused() -> None:
    files = [("files", (f"{i}", b"x")) for i in range(4)]
    found = client(limits=SMALL).post("/predict/batch", files=files)
    assert (found.status_code, found.json()["error"]) == (422, "too_many_pictures")
    assert client(limits=SMALL).post("/predict", files=files[:2]).status_code == 422


def background(asked: Any, body: bytes, found: list[int]) -> threading.Thread:
    """POST in a thread, and note the status."""

    def post() -> None:
        found.append(asked.post("/predict", content=body, headers=IMAGE).status_code)

    thread = threading.Thread(target=post)
    thread.start()
    return thread


def until(condition: Any) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_full_queue_is_told_at_once_and_when_to_come_back() -> None:
    scorer, found = Quick(), list[int]()
    scorer.gate.clear()
    with client(scorer, SMALL) as asked:
        threads = [background(asked, b"x", found) for _ in range(2)]
        until(lambda: "unseen_requests_in_work 2" in asked.get("/metrics").text)
        refused = asked.post("/predict", content=b"x", headers=IMAGE)
        assert (refused.status_code, refused.json()["error"]) == (429, "queue_full")
        assert int(refused.headers["retry-after"]) >= 1
        assert asked.get("/health").json() == {"status": "ok"}, "health does not wait for pictures"
        scorer.gate.set()
        for thread in threads:
            thread.join()
        assert found == [200, 200]
        assert asked.post("/predict", content=b"x", headers=IMAGE).status_code == 200


def test_a_picture_that_hangs_is_left_behind_and_the_next_is_scored() -> None:
    scorer = Quick()
    scorer.gate.clear()
    with client(scorer, Limits(seconds=0.2)) as asked:
        found = asked.post("/predict", content=b"x", headers=IMAGE)
        assert (found.status_code, found.json()["error"]) == (503, "too_slow")
        assert "unseen_threads_left_behind 1" in asked.get("/metrics").text
        scorer.gate.set()
        assert asked.post("/predict", content=b"x", headers=IMAGE).status_code == 200
        until(lambda: "unseen_threads_left_behind 0" in asked.get("/metrics").text)


def test_when_too_many_hang_health_says_so_until_one_ends() -> None:
    scorer = Quick()
    scorer.gate.clear()
    with client(scorer, Limits(seconds=0.05)) as asked:
        for _ in range(MOST_LEFT):
            assert asked.post("/predict", content=b"x", headers=IMAGE).status_code == 503
        assert asked.get("/health").status_code == 503
        calls = scorer.calls
        assert asked.post("/predict", content=b"x", headers=IMAGE).json()["error"] == "stuck"
        assert scorer.calls == calls
        scorer.gate.set()
        until(lambda: asked.get("/health").status_code == 200)


def test_a_long_wait_for_a_turn_is_ended_without_the_picture() -> None:
    scorer, found = Quick(), list[int]()
    scorer.gate.clear()
    with client(scorer, Limits(seconds=0.4)) as asked:
        threads = [background(asked, b"x", found) for _ in range(3)]
        for thread in threads:
            thread.join()
        assert found == [503, 503, 503]
        assert scorer.calls < 3, "one of them has waited for as long as a picture may take"
        scorer.gate.set()
