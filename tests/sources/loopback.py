"""A server on loopback that holds a few files and writes down what it was asked for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What is served; tests change it while it runs."""

    files: dict[str, bytes] = field(default_factory=dict)
    status: int = 200
    """Of every answer."""
    cut: int | None = None
    """So many bytes of a file come, then the connection ends."""
    silent: threading.Event | None = None
    """Where set, an answer waits for it."""
    asked: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve `site` at `site.address` until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            name = self.path.strip("/")
            site.asked.append(name)
            if site.silent:
                site.silent.wait(10)
                return
            data = site.files.get(name, b"")
            self.send_response(site.status if name in site.files else 404)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: site.cut])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    # the loop looks for the end every so many seconds
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        if site.silent:
            site.silent.set()
        server.shutdown()
        thread.join()
        server.server_close()
