"""The HTTP app of `unseen serve`: the page, `POST /predict`, and endpoints for operators.

It opens no path, URL or pickle that a client names, writes no files, and does not log uploads.
"""

import inspect
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import psutil
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from unseen.serve.page.guard import FILES, Guard
from unseen.serve.page.limits import Limits, Places, RefusedError
from unseen.serve.page.metrics import Metrics
from unseen.serve.page.schema import BATCH_BODY, ONE_BODY, REFUSALS, Answer, BatchAnswer
from unseen.serve.page.uploads import Upload, check_type, read_uploads
from unseen.serve.page.worker import Worker

HERE = Path(__file__).resolve().parent / "files"

TELEMETRY: dict[str, Any] = {
    "telemetry": dict.fromkeys(("tracing", "metrics", "logs", "auto_configure", "operation_spans"), False)
}
"""Newer versions of FastAPI send OpenTelemetry traces if the environment configures this. This app sends none."""

PATHS = ("/", "/docs", "/openapi.json", "/predict", "/predict/batch", "/health", "/version", "/detector", "/metrics")
"""Paths that are counted separately."""


class Scorer(Protocol):
    """Scores pictures. Only one thread calls it at a time."""

    def answer(self, data: bytes, heat: bool) -> dict[str, Any]:
        """Return the fields of `schema.Answer` except `name` and `seconds`.

        Raises:
            RefusedError: the picture can't be scored.
        """

    def about(self) -> dict[str, Any]:
        """Describe the detector: name, scope and model card."""


class Service:
    """State that the handlers share."""

    def __init__(self, scorer: Scorer, limits: Limits, version: str) -> None:
        """Create the service. The thread of the worker starts with the first picture."""
        self.scorer, self.limits, self.version = scorer, limits, version
        self.places, self.metrics = Places(limits.queue), Metrics()
        self.worker = Worker(self._timed, limits.seconds)

    def _timed(self, data: bytes, heat: bool) -> dict[str, Any]:
        start = time.monotonic()
        found = self.scorer.answer(data, heat)
        return {**found, "seconds": round(time.monotonic() - start, 4)}

    async def answer(self, upload: Upload, heat: bool) -> dict[str, Any]:
        """Return the answer for a picture that already has a place.

        Raises:
            RefusedError: the picture can't be scored, or takes too long.
        """
        try:
            found: dict[str, Any] = await self.worker.run(upload.data, heat)
        except RefusedError as refused:
            self.metrics.not_scored[refused.error] += 1
            raise
        self.places.note(found["seconds"])
        self.metrics.time(found["seconds"])
        self.metrics.faces.update(face["verdict"] for face in found["faces"])
        self.metrics.not_scored.update(one["reason"] for one in found["not_scored"])
        return {**found, "name": upload.name}

    async def item(self, upload: Upload, heat: bool) -> dict[str, Any]:
        """Return the answer for a picture of a batch, or the reason why there is none."""
        try:
            return {"name": upload.name, "status": 200, "answer": await self.answer(upload, heat)}
        except RefusedError as refused:
            error = {"error": refused.error, "detail": refused.detail}
            return {"name": upload.name, "status": refused.status, "error": error}

    def gauges(self) -> dict[str, float]:
        """Return the gauges of `/metrics`."""
        return {
            "unseen_requests_in_work": self.places.taken,
            "unseen_threads_left_behind": self.worker.left,
            "process_resident_memory_bytes": psutil.Process().memory_info().rss,
        }


def _error(status: int, error: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": error, "detail": detail}, status, headers)


def _add_errors(app: FastAPI) -> None:
    """Give all errors the same form."""

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> JSONResponse:
        return _error(error.status, error.error, error.detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        where = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        return _error(422, "parameter", f"a parameter has an invalid value: {where}")

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, "http", str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def internal(_: Request, error: Exception) -> JSONResponse:
        return _error(500, "internal", f"internal error ({type(error).__name__}); see the log of the server")


def _add_predict(app: FastAPI, service: Service) -> None:
    @app.post("/predict", response_model=Answer, responses=REFUSALS, openapi_extra=ONE_BODY)
    async def predict(request: Request, heat: bool = False) -> Any:
        """Score the faces in one picture, sent as a form with one file or as the body itself."""
        check_type(request)
        async with service.places.place():
            (upload,) = await read_uploads(request, service.limits)
            return await service.answer(upload, heat)

    @app.post("/predict/batch", response_model=BatchAnswer, responses=REFUSALS, openapi_extra=BATCH_BODY)
    async def predict_batch(request: Request, heat: bool = False) -> Any:
        """Score several pictures, sent as a form with files. One that fails does not stop the others."""
        check_type(request, form_only=True)
        async with service.places.place():
            uploads = await read_uploads(request, service.limits, batch=True)
            return {"pictures": [await service.item(upload, heat) for upload in uploads]}


def _add_operation(app: FastAPI, service: Service) -> None:
    @app.get("/health", responses={503: {"description": "no picture can be scored at present"}})
    async def health() -> JSONResponse:
        """Whether pictures can be scored. It also responds while a picture is being scored."""
        stuck = service.worker.stuck
        return JSONResponse({"status": "stuck" if stuck else "ok"}, 503 if stuck else 200)

    @app.get("/version")
    async def version() -> dict[str, Any]:
        """The versions of the package and of the detector."""
        return {"unseen": service.version, **service.scorer.about()["version"]}

    @app.get("/detector")
    async def detector() -> dict[str, Any]:
        """The detector's scope, threshold, TPR and FPR, model card, and the limits of this server."""
        return {**service.scorer.about(), "limits": vars(service.limits)}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """Counters in the text format of Prometheus."""
        text = service.metrics.text(service.gauges())
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(HERE / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(HERE / "docs.html")

    app.mount(FILES.rstrip("/"), StaticFiles(directory=HERE))


class _Counted:
    """ASGI middleware that counts responses by route and status."""

    def __init__(self, app: Any, metrics: Metrics, paths: Collection[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, frozenset(paths)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def counting(message: Any) -> None:
            if message["type"] == "http.response.start":
                # a client must not create counters by requesting unknown paths
                path = scope["path"] if scope["path"] in self._paths else "other"
                self._metrics.requests[path, message["status"]] += 1
            await send(message)

        await self._app(scope, receive, counting)


def make_app(
    scorer: Scorer,
    limits: Limits | None = None,
    *,
    hosts: Collection[str] | None = None,
    token: str = "",
    version: str = "",
) -> Any:
    """Make the ASGI app.

    Args:
        scorer: scores pictures.
        limits: limits of the server.
        hosts: allowed names in the header `Host`; None for any.
        token: token that all requests need, except those for the page's files; empty for none.
        version: version of the package.
    """
    service = Service(scorer, limits or Limits(), version)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.worker.close()

    # FastAPI's documentation pages load scripts from a CDN; this app has its own in `files`.
    app = FastAPI(
        title="unseen",
        version=version or "0",
        description="Scores faces with one detector. `not flagged` does not mean real.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        **(TELEMETRY if "telemetry" in inspect.signature(FastAPI).parameters else {}),
    )
    _add_errors(app)
    _add_predict(app, service)
    _add_operation(app, service)
    _add_page(app)
    return _Counted(Guard(app, hosts, token), service.metrics, PATHS)
