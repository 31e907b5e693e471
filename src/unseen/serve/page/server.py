"""Bind an address, and serve the app until it is interrupted."""

import asyncio
import ipaddress
import logging
import os
import socket
import warnings
from pathlib import Path
from typing import Any

import uvicorn

from unseen.core.errors import UserError
from unseen.serve.page.guard import LOOPBACK

SHORTEST = 16
"""Minimum number of characters of a token."""

CONNECTIONS = 256
"""Maximum number of simultaneous connections; further ones get the status 503."""


def is_loopback(host: str) -> bool:
    """Whether an address is reachable only from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK


def read_token(file: Path | None, variable: str | None) -> str:
    """Read the token from a file or an environment variable; empty if neither is given.

    Raises:
        UserError: the token is missing, too short or not a single line of text.
    """
    if file is None and variable is None:
        return ""
    if file is not None:
        where = str(file)
        try:
            token = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{file}: the token can't be read: {getattr(error, 'strerror', error)}") from None
    else:
        where = f"the environment variable {variable}"
        token = os.environ.get(str(variable), "").strip()
        if not token:
            raise UserError(f"{where} is not set; set it to a token, or give --token-file")
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise UserError(f"{where}: give a token of at least {SHORTEST} ASCII characters without spaces")
    return token


def check_reachable(host: str, token: str, no_token: bool) -> None:
    """Check that a token is given for an address that other machines can reach.

    Raises:
        UserError: there is no token.
    """
    if not token and not no_token and not is_loopback(host):
        raise UserError(
            f"--host {host}: other machines can reach this address; give --token-file or --token-env, "
            "or --no-token if a server in front of it authenticates the requests"
        )


def listen_at(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address.

    Raises:
        UserError: the address does not belong to this machine, or the port is in use or not allowed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)  # connections are accepted before the address is printed
    except OSError as error:
        raise UserError(f"{host}, port {port}: {error.strerror or error}; give another --host or --port") from None
    return listening


def address_of(listening: socket.socket) -> str:
    """Return the URL of a socket for a browser."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


def _keep_record(record: logging.LogRecord) -> bool:
    """Return False for a log record of Uvicorn about requests that Ctrl-C has ended."""
    kind = record.exc_info[0] if record.exc_info else None
    return not (kind and issubclass(kind, asyncio.CancelledError)) and not str(record.msg).startswith("Cancel ")


def serve(app: Any, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM. Requests in progress get a few seconds to end. Only errors are logged."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="error",
        server_header=False,
        date_header=False,
        ws="none",
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=5,
    )
    logging.getLogger("uvicorn.error").addFilter(_keep_record)
    warnings.simplefilter("ignore")  # warnings of Pillow and PyTorch about uploads
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # Uvicorn raises it again after a clean shutdown
    finally:
        listening.close()
