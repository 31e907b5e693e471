"""Connections of this machine, for `unseen doctor`: the model hub, Kaggle credentials, the DVC remote.

Only `reach_hub` uses the network. Tokens, passwords and URLs with passwords are never printed.
"""

import configparser
import importlib.util
import os
import re
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from unseen.sources.hub.settings import PAGE
from unseen.sources.hub.store import is_offline

HUB_SECONDS = 3.0
"""Timeout in seconds of the request to the hub, including the DNS lookup."""

SCHEMES = {"gs": "gs", "s3": "s3", "azure": "azure", "ssh": "ssh", "http": "", "https": "", "gdrive": "gdrive"}
SCHEMES |= {"hdfs": "hdfs", "webhdfs": "webhdfs", "oss": "oss", "webdav": "webdav", "webdavs": "webdav"}
"""URL schemes of DVC remotes, with the DVC extra that each needs."""


def _request(found: list[str]) -> None:
    import requests

    address = os.environ.get("HF_ENDPOINT", "").rstrip("/") or PAGE
    start = time.monotonic()
    try:
        # no token is sent; `auth` keeps requests from sending a password of ~/.netrc
        with requests.head(address, timeout=HUB_SECONDS, allow_redirects=False, auth=lambda sent: sent) as answer:
            status = answer.status_code
    except requests.exceptions.SSLError:
        found.append("no secure connection; check the clock, and behind a proxy set REQUESTS_CA_BUNDLE")
    except requests.exceptions.ProxyError:
        found.append("the proxy refuses the connection; check HTTPS_PROXY")
    except requests.exceptions.Timeout:
        found.append(f"no response within {HUB_SECONDS:.0f} s")
    except (requests.exceptions.RequestException, ValueError, OSError):
        found.append("no connection")
    else:
        seconds = f"{time.monotonic() - start:.1f} s"
        found.append(f"ok {seconds}" if status < 500 else f"responds with status {status}")


def hub_address() -> str:
    """Return the host of the hub, without the user name and password in HF_ENDPOINT."""
    address = os.environ.get("HF_ENDPOINT", "").rstrip("/") or PAGE
    try:
        return urlsplit(address).hostname or "HF_ENDPOINT without a host"
    except ValueError:
        return "HF_ENDPOINT that is not a URL"


def reach_hub(offline: bool = False) -> tuple[bool | None, str]:
    """Send one HEAD request to the hub.

    Returns:
        Whether the hub responds (None if no request was sent), and a text for the screen.
    """
    if offline or is_offline():
        return None, f"not checked ({'--offline' if offline else 'HF_HUB_OFFLINE'})"
    found: list[str] = []
    # Use a thread, because a DNS lookup has no timeout.
    thread = threading.Thread(target=_request, args=(found,), daemon=True)
    thread.start()
    thread.join(HUB_SECONDS)
    text = found[0] if found else f"no response within {HUB_SECONDS:.0f} s"
    if text.startswith("ok "):
        return True, f"{hub_address()} responds in {text.removeprefix('ok ')}{_token()}"
    return False, f"{hub_address()}: {text}{_token()}"


def _token() -> str:
    """Describe whether a token of the hub exists where its own client looks for one."""
    home = os.environ.get("HF_HOME") or os.path.expanduser("~/.cache/huggingface")
    file = os.environ.get("HF_TOKEN_PATH") or os.path.join(home, "token")
    there = any(os.environ.get(name) for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")) or os.path.isfile(file)
    return f"; {'a' if there else 'no'} token"


def dvc_remote(project: Path) -> str:
    """Describe name and type of each DVC remote of a project. URLs may contain passwords and are not printed."""
    if not (project / ".dvc").is_dir():
        return "no DVC project in this folder"
    types: dict[str, str] = {}
    default = ""
    for name in ("config", "config.local"):
        config = configparser.RawConfigParser(strict=False)
        try:
            config.read(project / ".dvc" / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            return f".dvc/{name} is not valid; `dvc config --list` shows the error"
        default = config.get("core", "remote", fallback=default)
        for section in config.sections():
            if match := re.fullmatch(r"'?remote \"(.+)\"'?", section):
                url = config.get(section, "url", fallback="")
                types[match[1]] = url.partition("://")[0].lower() if "://" in url else "a folder"
    if not types:
        return "no remote; results stay on this machine"
    shown = [
        f"{name} ({kind}{_package(kind)}){' default' if name == default else ''}" for name, kind in types.items()
    ]
    return f"remote {', '.join(shown)}"


def _package(kind: str) -> str:
    """Return a note if the DVC package for a type of remote is missing."""
    extra = SCHEMES.get(kind, "")
    if extra and importlib.util.find_spec(f"dvc_{extra}") is None:
        return f", needs `pip install 'dvc[{extra}]'`"
    return ""
