import errno
import gzip
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flaky_server import FlakyServer, serving
from unseen.core.errors import UserError
from unseen.sources.kinds.url import Settings as UrlArchive
from unseen.sources.kinds.url import fetch
from unseen.sources.shared import resume

OLD = random.Random(1).randbytes(1_000_000)
NEW = random.Random(2).randbytes(1_200_000)
SRC = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "WAITS", (0.0, 0.0, 0.0))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[FlakyServer]:
    with serving(FlakyServer(OLD)) as state:
        yield state


class Place:
    """Where a fetch puts things."""

    def __init__(self, root: Path) -> None:
        self.folder, self.parts = root / "folder", root / "parts"
        self.folder.mkdir()
        self.parts.mkdir()

    def fetch(self, url: str) -> Path:
        return fetch(UrlArchive(kind="url", url=url), self.folder, self.parts)

    def refusal(self, url: str) -> str:
        """The message of a fetch that fails, in one line, and leaves no archive behind."""
        with pytest.raises(UserError) as caught:
            self.fetch(url)
        assert list(self.folder.iterdir()) == []
        assert "\n" not in str(caught.value)
        return str(caught.value)

    @property
    def kept(self) -> int:
        return (self.parts / "bytes").stat().st_size


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_file_comes_as_it_is(server: FlakyServer, place: Place) -> None:
    fetched = place.fetch(f"{server.url}/moved/some/faces-1.0.zip?download=1")
    assert fetched == place.folder / "faces-1.0.zip"
    assert fetched.read_bytes() == OLD
    assert server.ranges == ["", ""]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/", "archive"), ("", "archive"), ("/a/..", "archive"), ("/x/%2e%2e%2fbad%20name.tar.gz", "bad_name.tar.gz")],
)
def test_a_file_gets_a_safe_name(server: FlakyServer, place: Place, path: str, name: str) -> None:
    assert place.fetch(server.url + path) == place.folder / name


def test_packed_bytes_stay_packed(server: FlakyServer, place: Place) -> None:
    server.body = gzip.compress(OLD)
    server.headers["Content-Encoding"] = "x-gzip"
    assert place.fetch(f"{server.url}/faces.tar.gz").read_bytes() == server.body
    assert server.seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("chunked", [True, False])
def test_a_broken_download_requests_the_rest(server: FlakyServer, place: Place, chunked: bool) -> None:
    server.cuts, server.chunked = [400_000, 200_000], chunked
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == OLD
    starts = [int(header[6:-1] or 0) for header in server.ranges[1:]]
    assert len(starts) == 2
    assert 300_000 < starts[0] <= 400_000
    assert starts[0] + 100_000 < starts[1] <= starts[0] + 200_000
    assert [request.headers.get("if-range") for request in server.seen] == [None, '"one"', '"one"']


def test_a_connection_that_is_reset(server: FlakyServer, place: Place) -> None:
    server.cuts, server.resets = [900_000, 50_000], True
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == OLD
    assert len(server.seen) == 3


def test_a_failed_download_keeps_its_bytes_for_the_next_run(server: FlakyServer, place: Place) -> None:
    server.cuts = [300_000, 0, 0, 0]
    message = place.refusal(f"{server.url}/faces.zip")
    assert "the connection broke, after 4 attempts" in message
    assert "resumes after 0.3 MB" in message
    kept = place.kept
    assert 200_000 < kept <= 300_000
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == OLD
    assert server.ranges[-1] == f"bytes={kept}-"


def test_a_killed_download_is_resumed(server: FlakyServer, place: Place) -> None:
    server.cuts, server.silent = [400_000], threading.Event()
    url = f"{server.url}/faces.zip"
    code = (
        "from pathlib import Path; from unseen.sources.kinds import url as kind\n"
        f"kind.fetch(kind.Settings(kind='url', url={url!r}), Path({str(place.folder)!r}), "
        f"Path({str(place.parts)!r}))"
    )
    other = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SRC)})
    deadline = time.monotonic() + 20
    while not (place.parts / "bytes").exists() or place.kept < 300_000:
        assert time.monotonic() < deadline
        assert other.poll() is None
        time.sleep(0.01)
    other.send_signal(signal.SIGKILL)
    other.wait()
    server.silent.set()
    kept = place.kept
    assert place.fetch(url).read_bytes() == OLD
    assert server.ranges == ["", f"bytes={kept}-"]


@pytest.mark.parametrize("damage", ["a bit", "a hole", "a cut", "no hashes", "half a hash"])
def test_damaged_bytes_are_downloaded_again(
    server: FlakyServer, place: Place, capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    server.cuts = [600_000, 0, 0, 0]
    place.refusal(f"{server.url}/faces.zip")
    kept, sums = bytearray((place.parts / "bytes").read_bytes()), (place.parts / "sums").read_bytes()
    if damage == "a bit":
        kept[300_000] ^= 4
    elif damage == "a hole":
        kept[300_000:] = bytes(len(kept) - 300_000)
    elif damage == "a cut":
        del kept[300_000:]
    else:
        (place.parts / "sums").write_bytes(b"" if damage == "no hashes" else sums[:-5])
    (place.parts / "bytes").write_bytes(kept)
    capfd.readouterr()
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == OLD
    said = capfd.readouterr().err.count("damaged after 0.3 MB; resuming from there")
    assert said == (damage in ("a bit", "a hole"))
    first = int(server.ranges[-1][6:-1] or 0)
    bounds = {"no hashes": (0, 0), "half a hash": (500_000, 599_999)}
    low, high = bounds.get(damage, (200_000, 300_000))
    assert low <= first <= high


@pytest.mark.parametrize("damage", ["empty", "cut", "another length"])
def test_a_damaged_note_is_set_aside_and_the_download_starts_again(
    server: FlakyServer, place: Place, capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    server.cuts = [600_000, 0, 0, 0]
    place.refusal(f"{server.url}/faces.zip")
    note = place.parts / "note.json"
    whole = note.read_bytes()
    note.write_bytes(
        {"empty": b"", "cut": whole[:20], "another length": whole.replace(b"1000000", b"1000002")}[damage]
    )
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == OLD
    assert server.ranges[-1] == ""
    line = f"{note}: damaged; renamed to note.json.damaged, the download starts again"
    assert capfd.readouterr().err.splitlines().count(line) == 1


def test_a_complete_download_is_not_requested_again(server: FlakyServer, place: Place) -> None:
    place.fetch(f"{server.url}/faces.zip").rename(place.parts / "bytes")
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == OLD
    assert len(server.seen) == 1


@pytest.mark.parametrize("new", [NEW, OLD[::-1], NEW[:100_000]], ids=["longer", "as long", "shorter"])
@pytest.mark.parametrize("knows_if_range", [True, False])
@pytest.mark.parametrize("name", ["ETag", "Last-Modified"])
def test_a_file_that_is_replaced_is_not_mixed(
    server: FlakyServer, place: Place, new: bytes, knows_if_range: bool, name: str
) -> None:
    server.headers = {name: '"one"' if name == "ETag" else "Mon, 06 Oct 2025 10:00:00 GMT"}
    server.cuts = [400_000, 0, 0, 0]
    place.refusal(f"{server.url}/faces.zip")
    server.body, server.knows_if_range = new, knows_if_range
    server.headers = {name: '"two"' if name == "ETag" else "Tue, 07 Oct 2025 10:00:00 GMT"}
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == new


def test_a_file_of_another_length_is_not_mixed(server: FlakyServer, place: Place) -> None:
    server.cuts = [400_000, 0, 0, 0]
    place.refusal(f"{server.url}/faces.zip")
    server.body, server.knows_if_range, server.headers = NEW, False, {}
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == NEW


@pytest.mark.parametrize("chunked", [True, False])
def test_a_server_that_sends_other_bytes_than_asked(server: FlakyServer, place: Place, chunked: bool) -> None:
    server.cuts, server.blocks_of, server.chunked = [400_000], 300_000, chunked
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == OLD
    assert [bool(header) for header in server.ranges] == [False, True, False]


def test_a_server_that_sends_less_than_asked(server: FlakyServer, place: Place) -> None:
    server.cuts, server.longest_range = [400_000], 350_000
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == OLD
    assert [bool(header) for header in server.ranges] == [False, True, True]


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"one"'}], ids=["none", "weak"])
def test_without_a_strong_validator_it_starts_again(
    server: FlakyServer, place: Place, headers: dict[str, str]
) -> None:
    server.headers, server.cuts = headers, [400_000]
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == OLD
    assert server.ranges == ["", ""]


def test_a_server_without_ranges_sends_all_again(server: FlakyServer, place: Place) -> None:
    server.knows_ranges, server.cuts = False, [400_000]
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == OLD


def test_a_file_of_unknown_length_is_refused(server: FlakyServer, place: Place) -> None:
    server.tells_length, server.cuts = False, [400_000]
    assert "the server does not state the file's size" in place.refusal(f"{server.url}/faces.zip")


def test_an_error_page_is_not_appended(server: FlakyServer, place: Place) -> None:
    server.cuts = [400_000, 0, 0, 0]
    place.refusal(f"{server.url}/faces.zip")
    kept = place.kept
    server.statuses = [403]
    place.refusal(f"{server.url}/faces.zip")
    server.statuses = [503, 202, 500]
    assert place.kept == kept
    assert place.fetch(f"{server.url}/faces.zip").read_bytes() == OLD
    assert server.ranges[-1] == f"bytes={kept}-"


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "not found"), (403, "kind: manual"), (429, "too many requests"), (418, "refuses the request (418)")],
)
def test_a_refused_request_is_not_repeated(server: FlakyServer, place: Place, status: int, words: str) -> None:
    server.statuses = [status]
    message = place.refusal(f"{server.url}/faces.zip")
    assert f"{server.url}/faces.zip: " in message
    assert words in message
    assert len(server.seen) == 1


def test_a_server_that_fails_for_good(server: FlakyServer, place: Place) -> None:
    server.statuses = [500, 502, 503, 503]
    message = place.refusal(f"{server.url}/faces.zip")
    assert "the server fails (503), after 4 attempts" in message
    assert "that came" not in message


def test_a_web_page_is_no_archive(server: FlakyServer, place: Place) -> None:
    server.headers["Content-Type"] = "text/html; charset=utf-8"
    assert "a web page, not an archive" in place.refusal(f"{server.url}/faces.zip")


def test_no_server(server: FlakyServer, place: Place) -> None:
    with serving(FlakyServer()) as gone:
        pass
    assert "no connection, after 4 attempts; check the network" in place.refusal(f"{gone.url}/faces.zip")


def test_refused_tls(server: FlakyServer, place: Place) -> None:
    assert "TLS" in place.refusal(f"https://127.0.0.1:{server.port}/faces.zip")


@pytest.mark.parametrize("trouble", ["status", "cut", "connection"])
def test_a_message_hides_what_is_secret_in_an_address(server: FlakyServer, place: Place, trouble: str) -> None:
    server.statuses = [404] if trouble == "status" else []
    server.cuts = [0, 0, 0, 0]
    port = 1 if trouble == "connection" else server.port
    message = place.refusal(f"http://me:hunter2@127.0.0.1:{port}/faces.zip?token=hunter2")
    assert f"http://127.0.0.1:{port}/faces.zip: " in message
    assert "hunter2" not in message


def test_a_silent_server_is_given_up(server: FlakyServer, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "TIMEOUT", (5.0, 0.2))
    server.cuts, server.silent = [400_000, 0, 0, 0], threading.Event()
    assert "no more bytes in time" in place.refusal(f"{server.url}/faces.zip")
    server.silent.set()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
def test_a_full_disk(server: FlakyServer, place: Place) -> None:
    (place.parts / "bytes").symlink_to("/dev/full")
    message = place.refusal(f"{server.url}/faces.zip")
    assert os.strerror(errno.ENOSPC) in message
    assert "free disk space" in message
