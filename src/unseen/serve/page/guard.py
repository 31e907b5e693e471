"""Check host, origin and token of a request before its body is read, and set the security headers of all
responses."""

import hmac
import json
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names of this machine in the header `Host`. Any other name may come from a web page that uses DNS rebinding."""

OPEN = frozenset({"/", "/docs", "/health", "/openapi.json"})
"""Paths that need no token, in addition to the page's files. They reveal nothing about the detector or pictures."""

FILES = "/files/"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


def _host(header: str) -> str:
    """Return the name in a header `Host` without the port; empty if the header is invalid."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


class Guard:
    """ASGI middleware that refuses forbidden requests and adds `HEADERS` to every response.

    - Host: on loopback, only names of this machine are allowed, which prevents DNS rebinding by a web page.
    - Origin: requests of other web pages are refused, including forms, which browsers send without a CORS check.
    - Token: `Authorization: Bearer TOKEN` is compared in constant time.
    """

    def __init__(self, app: Any, hosts: Collection[str] | None = None, token: str = "") -> None:
        """Wrap an app.

        Args:
            app: ASGI app.
            hosts: allowed names in `Host`; None for any.
            token: the token that requests need; empty for none.
        """
        self._app, self._hosts, self._token = app, hosts, token.encode()

    def _refusal(self, scope: dict[str, Any]) -> tuple[int, str, str] | None:
        """Return status, code and detail of a refusal; None if the request is allowed."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if self._hosts is not None and _host(host) not in self._hosts:
            return 421, "host", "the header Host must be localhost, 127.0.0.1, [::1] or a name of --allow-host"
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1").split("//")[-1].lower() != host.lower():
            return 403, "origin", "requests from other web pages are refused"
        path = scope["path"]
        if self._token and path not in OPEN and not path.startswith(FILES):
            scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
                return 401, "token", "this server needs a token: `Authorization: Bearer TOKEN`"
        return None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Refuse a request, or pass it to the app."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # WebSockets are not used
            await send({"type": "websocket.close", "code": 1008})
            return

        async def with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                ours = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *ours]}
            await send(message)

        refused = self._refusal(scope)
        if refused is None:
            await self._app(scope, receive, with_headers)
            return
        status, error, detail = refused
        body = json.dumps({"error": error, "detail": detail}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers += [(b"connection", b"close")] + [(b"www-authenticate", b"Bearer")] * (status == 401)
        await with_headers({"type": "http.response.start", "status": status, "headers": headers})
        await with_headers({"type": "http.response.body", "body": body})
