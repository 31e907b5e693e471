"""A file server on loopback that can be told to break: for tests of downloads."""

import re
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Seen:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class FlakyServer:
    """What the server holds, and what goes wrong next. Tests change it between requests and during them."""

    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    statuses: list[int] = field(default_factory=list)
    """The next answers are these, with a short page; then the file comes."""
    cuts: list[int] = field(default_factory=list)
    """The next transfers break after so many bytes; then they are whole."""
    knows_ranges: bool = True
    knows_if_range: bool = True
    blocks_of: int = 1
    """A range starts at a multiple of this many bytes, at or before what was asked for."""
    longest_range: int = 10**9
    tells_length: bool = True
    chunked: bool = False
    resets: bool = False
    """A cut resets the connection, which loses bytes on their way; otherwise it ends as if nothing were wrong."""
    silent: threading.Event | None = None
    """Where set, a cut waits for it instead."""
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ranges(self) -> list[str]:
        """The Range header of each request for a file that came; empty where there was none."""
        return [request.headers.get("range", "") for request in self.seen if request.method == "GET"]


class Handler(BaseHTTPRequestHandler):
    """Serves the body at each path; `/moved/…` redirects to `/…`."""

    protocol_version = "HTTP/1.1"
    state: FlakyServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def note(self) -> bytes:
        """Take down the request; its body."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.state.seen.append(Seen(self.command, self.path, headers, body))
        return body

    def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.note()
        state = self.state
        if self.path.startswith("/moved/"):
            self.send(302, {"Location": self.path.removeprefix("/moved")}, b"")
        elif state.statuses:
            self.send(state.statuses.pop(0), {"Content-Type": "application/xml"}, b"<Error>secret words</Error>")
        else:
            self.send_file()

    def send_file(self) -> None:
        state, start = self.state, 0
        # before an answer goes out: the next request may come while this one is still served
        cut = state.cuts.pop(0) if state.cuts else None
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, state.headers.get("ETag"), state.headers.get("Last-Modified"))
        if asked and state.knows_ranges and (same or not state.knows_if_range):
            start = int(asked[1]) // state.blocks_of * state.blocks_of
        size = len(state.body)
        end = min(size, start + state.longest_range) if start else size
        if start and start >= size:
            self.send(416, {"Content-Range": f"bytes */{size}"}, b"")
            return
        self.send_response(206 if start else 200)
        for name, value in state.headers.items():
            self.send_header(name, value)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        if state.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif state.tells_length:
            self.send_header("Content-Length", str(end - start))
        self.end_headers()
        self.send_bytes(state.body[start:end], cut)

    def send_bytes(self, data: bytes, cut: int | None) -> None:
        state, data = self.state, data[:cut]
        for first in range(0, len(data), 2**16):
            piece = data[first : first + 2**16]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if state.chunked else piece)
        if cut is None:
            self.wfile.write(b"0\r\n\r\n" if state.chunked else b"")
        elif state.silent:
            state.silent.wait(20)
        elif state.resets:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = cut is not None or not (state.chunked or state.tells_length)


class Server(ThreadingHTTPServer):
    """Serves each request in a thread."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing where the other side hung up."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serving(state: FlakyServer, kind: type[Handler] = Handler) -> Iterator[FlakyServer]:
    """Serve `state` on a free port of loopback until the block ends."""
    bound = type("Bound", (kind,), {"state": state})
    with Server(("127.0.0.1", 0), bound) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
