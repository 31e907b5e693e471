"""A stand-in for a Hugging Face hub on loopback, with refusals and broken transfers as `flaky_server` has them."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from flaky_server import FlakyServer, Handler, serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 100
"""Files of so many bytes are LFS files, whose SHA-256 the hub states."""


@dataclass
class HubServer(FlakyServer):
    """What the hub holds, and how it refuses. `body` is not used."""

    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commit: str = COMMIT
    lengths: dict[str, int] = field(default_factory=dict)
    """Stated sizes of files that differ from the real ones."""
    error: tuple[int, str, str] = (0, "", "")
    """Status, X-Error-Code and X-Error-Message of all responses; none if the status is 0."""
    files_error: tuple[int, str, str] = (0, "", "")
    """The same, for files only: the list of files of a gated repository is public."""
    page: bytes = b""
    """Where set, the response to a request for the list of files."""


class HubHandler(Handler):
    """Serves `/api/models/OWNER/NAME/revision/REVISION` and `/OWNER/NAME/resolve/REVISION/FILE`."""

    state: HubServer

    def _refuse(self, status: int, code: str, message: str = "") -> None:
        self.send(status, {"X-Error-Code": code, "X-Error-Message": message}, b"{}")

    def do_GET(self) -> None:
        self.note()
        state, path = self.state, unquote(urlsplit(self.path).path)
        if state.statuses:
            self.send(state.statuses.pop(0), {}, b"")
        elif state.error[0]:
            self._refuse(*state.error)
        elif listing := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(\w+)", path):
            self._list(listing[1], listing[2])
        elif file := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(\w+)/(.+)", path):
            self._file(file[1], file[3])
        else:
            self.send(404, {}, b"")

    def _list(self, repo: str, revision: str) -> None:
        state = self.state
        if repo not in state.repos:
            self._refuse(404 if "authorization" in state.seen[-1].headers else 401, "RepoNotFound")
        elif revision not in ("main", state.commit):
            self._refuse(404, "RevisionNotFound")
        else:
            siblings = []
            for name, data in state.repos[repo].items():
                length = state.lengths.get(name, len(data))
                blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
                sibling = {"rfilename": name, "size": length, "blobId": blob}
                if len(data) >= LARGE:
                    sibling["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": length, "pointerSize": 130}
                siblings.append(sibling)
            card = {"id": repo, "sha": state.commit, "siblings": siblings, "cardData": {"license": "mit"}}
            self.send(200, {"Content-Type": "application/json"}, state.page or json.dumps(card).encode())

    def _file(self, repo: str, name: str) -> None:
        state = self.state
        if state.files_error[0]:
            self._refuse(*state.files_error)
        elif name not in state.repos.get(repo, {}):
            self._refuse(404, "EntryNotFound")
        else:
            state.body = state.repos[repo][name]
            self.send_file()


@contextmanager
def serving_hub(hub: HubServer) -> Iterator[HubServer]:
    """Serve a hub on a free port of loopback until the block ends; HF_ENDPOINT must be set to its `url`."""
    with serving(hub, HubHandler) as state:
        assert isinstance(state, HubServer)
        yield state
