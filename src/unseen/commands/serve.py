"""`unseen serve`: a page and an HTTP API that score pictures."""

import argparse
import importlib.util
import sys
from pathlib import Path

from unseen.commands.parsers import Commands, add_command
from unseen.commands.words import shown
from unseen.core.errors import UserError

HELP = """\
Serve a page and an HTTP API that score the faces in pictures. Nothing that is uploaded is stored or logged.

By default only this machine can reach it. With a --host that others can reach, every request needs a token:
  Authorization: Bearer TOKEN
The connection is not encrypted: put a reverse proxy with TLS in front of it.

  GET  /               the page                    GET /health    whether pictures can be scored
  POST /predict        one picture                 GET /version   versions
  POST /predict/batch  several pictures            GET /metrics   counters for Prometheus
  GET  /detector       scope, card and limits      GET /docs      the API, from /openapi.json

With --static, nothing is served. The page is written to a folder as static files, in which the ONNX export of the
detector runs in the browser, for any web server. It has no HTTP API, no heat maps and no provenance.
"""

EXIT = """\
exit codes:
  0    interrupted by Ctrl-C; with --static, the page is written
  2    could not start: wrong usage, a package or the detector is missing, or the port is in use; with --static, the
       page is not written
"""

PACKAGES = {"fastapi": "fastapi", "uvicorn": "uvicorn", "python_multipart": "python-multipart"}


def check_packages() -> None:
    """Check that the packages of the extra `page` are installed.

    Raises:
        UserError: a package is missing.
    """
    missing = [name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(f"`unseen serve` needs {', '.join(missing)}; run `pip install -e '.[page]'`")


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted, or write the static page."""
    if arguments.static:
        return _write(arguments)
    if arguments.onnxruntime_web:
        raise UserError("--onnxruntime-web belongs to --static; give --static DIR too")
    check_packages()
    from unseen.core.environment import OF_SCORING, check_variables
    from unseen.serve.page.limits import MB, Limits
    from unseen.serve.page.server import address_of, check_reachable, is_loopback, listen_at, read_token, serve

    check_variables(OF_SCORING)
    token = read_token(arguments.token_file, arguments.token_env)
    check_reachable(arguments.host, token, arguments.no_token)
    listening = listen_at(arguments.host, arguments.port)

    from unseen.core.garbage_collection import no_garbage_collection

    with no_garbage_collection():
        from unseen.serve.api import load
        from unseen.serve.page.answers import DetectorScorer
        from unseen.serve.page.app import make_app
        from unseen.serve.page.guard import LOOPBACK

        detector = load(arguments.detector, backend=arguments.backend)
    limits = Limits(
        bytes=arguments.max_mb * MB,
        batch_bytes=2 * arguments.max_mb * MB,
        faces=arguments.max_faces,
        seconds=arguments.seconds,
        queue=arguments.queue,
    )
    scorer = DetectorScorer(detector, limits)
    loopback, named = is_loopback(arguments.host), frozenset(map(str.lower, arguments.allow_host))
    hosts = LOOPBACK | named if loopback or named else None
    app = make_app(scorer, limits, hosts=hosts, token=token, version=_version())
    print(shown(detector.scope.scope), file=sys.stderr)
    reach = "only this machine can reach it" if loopback else "other machines can reach it"
    print(f"serving {shown(detector.name)} at {address_of(listening)} ({reach}); Ctrl-C ends it", flush=True)
    serve(app, listening)
    print("ended", file=sys.stderr)
    return 0


def _write(arguments: argparse.Namespace) -> int:
    from unseen.core.garbage_collection import no_garbage_collection

    with no_garbage_collection():
        from unseen.serve.static_page.page import write_page

    written = write_page(arguments.detector, arguments.static, arguments.onnxruntime_web)
    print(shown(written.scope), file=sys.stderr)
    folder = shown(str(written.folder))
    print(f"{folder}: the page of {shown(written.name)}, {written.bytes / 1e6:.1f} MB")
    print(f"try it: python -m http.server --bind 127.0.0.1 --directory {folder}", file=sys.stderr)
    return 0


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("unseen")
    except PackageNotFoundError:
        return "checkout"


def _positive(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 10_000:
        raise ValueError(text)
    return value


_positive.__name__ = "whole number from 1 to 10000"  # argparse prints this name in its error message


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65_535:
        raise ValueError(text)
    return value


_port.__name__ = "port"


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "serve", run, "serve a page and an HTTP API", HELP, EXIT)
    default = Path("models/detectors/efficientnet_lite0")
    parser.add_argument(
        "detector", type=Path, nargs="?", default=default, metavar="DIR|NAME", help="default: %(default)s"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; default: %(default)s")
    parser.add_argument("--port", type=_port, default=8000, help="0 for any free port; default: %(default)s")
    parser.add_argument("--backend", choices=("torch", "onnx"), default="torch", help="default: %(default)s")
    static = parser.add_argument_group("static files")
    static.add_argument("--static", type=Path, metavar="DIR", help="write the page to this folder instead of serving")
    static.add_argument(
        "--onnxruntime-web",
        type=Path,
        metavar="PATH",
        help="archive or folder of the npm package onnxruntime-web; default: download it with `npm pack`",
    )
    tokens = parser.add_mutually_exclusive_group()
    tokens.add_argument("--token-file", type=Path, metavar="FILE", help="a file with the token that requests need")
    tokens.add_argument("--token-env", metavar="NAME", help="the environment variable that holds the token")
    tokens.add_argument(
        "--no-token", action="store_true", help="require no token, even if other machines can reach the address"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="an allowed name in the header Host, if a reverse proxy is in front; may be repeated",
    )
    parser.add_argument(
        "--max-mb", type=_positive, default=20, help="maximum size of a picture's file; default: %(default)s"
    )
    parser.add_argument(
        "--max-faces", type=_positive, default=50, help="maximum number of faces in a picture; default: %(default)s"
    )
    parser.add_argument(
        "--seconds", type=_positive, default=30, help="time limit for a picture; default: %(default)s"
    )
    parser.add_argument(
        "--queue", type=_positive, default=16, help="maximum number of requests in progress; default: %(default)s"
    )
