"""Clients of the app for tests: a scorer without a network, and requests chunk by chunk."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Sequence
from typing import Any

from starlette.testclient import TestClient

from unseen.serve.page.app import make_app
from unseen.serve.page.guard import LOOPBACK
from unseen.serve.page.limits import Limits, RefusedError

ADDRESS = "http://127.0.0.1:8000"
TOKEN = "a-token-of-some-length"

ABOUT = {"name": "drawn", "version": {"detector": "drawn"}, "scope": {}, "card": "", "heat": False}


class Quick:
    """Answers without a network. `gate` can hold it up; a body of `raise` raises an error."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.calls = 0

    def about(self) -> dict[str, Any]:
        """As `DetectorScorer.about`."""
        return ABOUT

    def answer(self, data: bytes, heat: bool) -> dict[str, Any]:
        """One face with a score that depends on nothing."""
        self.calls += 1
        assert self.gate.wait(20)
        if data == b"raise":
            raise ZeroDivisionError("secret")
        if data == b"bad":
            raise RefusedError(422, "damaged", "no picture")
        face = {
            "box": (1, 2, 3, 4),
            "logit": 1.0,
            "calibrated_logit": 1.0,
            "score": 0.7,
            "above_threshold": True,
            "verdict": "fake",
            "why": "",
            "detection_score": 0.9,
        }
        return {
            "detector": "drawn",
            "threshold": 0.5,
            "unsure": (0.4, 0.6),
            "width": 10,
            "height": 20,
            "sha256": hashlib.sha256(data).hexdigest(),
            "faces": [face],
            "not_scored": [],
        }


def client(scorer: Any = None, limits: Limits | None = None, **options: Any) -> TestClient:
    """A client of an app on loopback. Errors are answers, as for a client over a network."""
    app = make_app(scorer or Quick(), limits, **{"hosts": LOOPBACK, **options})
    return TestClient(app, base_url=ADDRESS, raise_server_exceptions=False)


def in_chunks(
    app: Any, path: str, chunks: Sequence[bytes], headers: dict[str, str] | None = None, pause: float = 0.0
) -> tuple[int, dict[str, str], Any, int]:
    """POST a body chunk by chunk, as a server does. Status, headers, JSON, and how many chunks were asked for."""
    sent: list[dict[str, Any]] = []
    asked = 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": chunks[asked - 1], "more_body": asked < len(chunks)}

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"host": "127.0.0.1:8000", "content-type": "image/png", **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    asyncio.run(app(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, json.loads(body), asked
