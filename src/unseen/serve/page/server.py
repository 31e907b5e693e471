"""Binds an address and serves the app until it is interrupted."""

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
"""Characters of a token, at least."""

CONNECTIONS = 256
"""Connections at the same time; further ones are answered with 503."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK


def read_token(file: Path | None, variable: str | None) -> str:
    """The token from a file or an environment variable; empty without either.

    Raises:
        UserError: it is missing, too short or no text of one line.
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
    """Check that an address beyond this machine has a token.

    Raises:
        UserError: it has none.
    """
    if not token and not no_token and not is_loopback(host):
        raise UserError(
            f"--host {host}: other machines can reach this address; give --token-file or --token-env, "
            "or --no-token if something in front of it checks who may ask"
        )


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens at an address.

    Raises:
        UserError: the address is not of this machine, or the port is in use or not allowed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)  # so that the address that is printed already takes connections
    except OSError as error:
        raise UserError(f"{host}, port {port}: {error.strerror or error}; give another --host or --port") from None
    return listening


def address_of(listening: socket.socket) -> str:
    """The address of a socket for a browser."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


def _not_ended(record: logging.LogRecord) -> bool:
    """Whether a record of Uvicorn is about something else than requests that Ctrl-C has ended."""
    kind = record.exc_info[0] if record.exc_info else None
    return not (kind and issubclass(kind, asyncio.CancelledError)) and not str(record.msg).startswith("Cancel ")


def serve(app: Any, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM. Requests in work have a few seconds to end; nothing is logged but errors."""
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
    logging.getLogger("uvicorn.error").addFilter(_not_ended)
    warnings.simplefilter("ignore")  # of Pillow and PyTorch, about what was uploaded
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # uvicorn raises it again after it has ended in good order
    finally:
        listening.close()
