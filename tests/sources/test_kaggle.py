"""The real Kaggle client, with a stand-in on loopback for Kaggle's servers."""

import base64
import io
import json
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from kagglesdk import kaggle_env

from flaky_server import FlakyServer, Handler, serving
from unseen.core.errors import UserError
from unseen.sources.kinds.kaggle import Settings as KaggleArchive
from unseen.sources.kinds.kaggle import fetch
from unseen.sources.shared import resume

SRC = Path(__file__).resolve().parents[2] / "src"
WANTED = KaggleArchive(kind="kaggle", dataset="someone/some-faces", version=3)
KEY = "hunter2"
SIGNATURE = "signed-for-a-while"


def packed(seed: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("faces/1.jpg", random.Random(seed).randbytes(1_000_000))
    return file.getvalue()


OLD, NEW = packed(1), packed(2)


class Kaggle(Handler):
    """Kaggle's API, which redirects to a file store under another name, where the account's key must not show."""

    refuses = 0
    tokens = ("good-token",)

    def do_POST(self) -> None:
        asked = json.loads(self.note())
        basic = "Basic " + base64.b64encode(f"me:{KEY}".encode()).decode()
        if self.path.endswith("/IntrospectToken"):
            known = asked["token"] in self.tokens
            self.answer(200, {"active": known, "username": "me" if known else ""})
        elif self.headers.get("Authorization") not in (basic, *(f"Bearer {token}" for token in self.tokens)):
            self.answer(401, {"code": 401, "message": "Unauthenticated"})
        elif self.refuses:
            self.answer(self.refuses, {"code": self.refuses, "message": "no"})
        elif (asked["ownerSlug"], asked["datasetSlug"], asked["datasetVersionNumber"]) != (
            "someone",
            "some-faces",
            3,
        ):
            self.answer(404, {"code": 404, "message": "Dataset not found"})
        else:
            self.send(302, {"Location": f"{self.state.url}/store/archive.zip?signature={SIGNATURE}"}, b"")

    def answer(self, status: int, words: dict[str, object]) -> None:
        self.send(status, {"Content-Type": "application/json"}, json.dumps(words).encode())


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder and no variables: the tests never see anybody's credentials."""
    for name in list(os.environ):
        if name.startswith("KAGGLE_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / ".config"))
    from kaggle.api.kaggle_api_extended import KaggleApi

    monkeypatch.setattr(KaggleApi, "config", str(folder / ".kaggle/kaggle.json"))
    monkeypatch.setattr(resume, "WAITS", (0.0, 0.0, 0.0))
    return folder


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlakyServer]:
    with serving(FlakyServer(OLD), Kaggle) as state:
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, f"http://localhost:{state.port}")
        yield state


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_USERNAME", "me")
    monkeypatch.setenv("KAGGLE_KEY", KEY)


class Place:
    """Where a fetch puts things."""

    def __init__(self, root: Path) -> None:
        self.folder, self.parts = root / "folder", root / "parts"
        self.folder.mkdir()
        self.parts.mkdir()

    def fetch(self, wanted: KaggleArchive = WANTED) -> bytes:
        fetched = fetch(wanted, self.folder, self.parts)
        assert list(self.folder.iterdir()) == [fetched] == [self.folder / "some-faces.zip"]
        return fetched.read_bytes()

    def refusal(self, wanted: KaggleArchive = WANTED) -> str:
        """The message of a fetch that fails, in one line, without secrets, and leaves no archive behind."""
        with pytest.raises(UserError) as caught:
            fetch(wanted, self.folder, self.parts)
        assert list(self.folder.iterdir()) == []
        message = str(caught.value)
        assert not any(secret in message for secret in ("\n", KEY, SIGNATURE, "good-token", "old-token"))
        return message

    @property
    def kept(self) -> int:
        return (self.parts / "bytes").stat().st_size


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.usefixtures("signed_in")
class TestSignedIn:
    def test_the_version_that_params_name_comes_as_it_is(
        self, server: FlakyServer, place: Place, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert place.fetch() == OLD
        posts = [request for request in server.seen if request.method == "POST"]
        assert [json.loads(request.body)["datasetVersionNumber"] for request in posts] == [3]
        assert capfd.readouterr() == ("", "")

    def test_the_file_store_does_not_get_the_key(self, server: FlakyServer, place: Place) -> None:
        place.fetch()
        stored = [request for request in server.seen if request.path.startswith("/store/")]
        assert stored
        assert not any("authorization" in request.headers for request in stored)

    def test_a_broken_download_requests_the_rest(self, server: FlakyServer, place: Place) -> None:
        server.cuts = [0, 400_000]  # the first is the client's own request, which nobody reads
        assert place.fetch() == OLD
        starts = [int(header[6:-1]) for header in server.ranges if header]
        assert len(starts) == 1
        assert 300_000 < starts[0] <= 400_000

    def test_a_failed_download_keeps_its_bytes_for_the_next_run(self, server: FlakyServer, place: Place) -> None:
        server.cuts = [0, 400_000, 0, 0, 0, 0, 0, 0]
        message = place.refusal()
        assert "Kaggle dataset someone/some-faces, version 3: the connection broke, after 4 attempts" in message
        assert "the download resumes after 0.4 MB" in message
        kept = place.kept
        assert 300_000 < kept <= 400_000
        assert place.fetch() == OLD
        assert server.ranges[-1] == f"bytes={kept}-"

    @pytest.mark.parametrize("knows_if_range", [True, False])
    def test_a_file_that_is_replaced_is_not_mixed(
        self, server: FlakyServer, place: Place, knows_if_range: bool
    ) -> None:
        server.cuts = [0, 400_000, 0, 0, 0, 0, 0, 0]
        place.refusal()
        server.body, server.headers, server.knows_if_range = NEW, {"ETag": '"two"'}, knows_if_range
        assert place.fetch() == NEW

    def test_an_error_page_is_not_appended(self, server: FlakyServer, place: Place) -> None:
        server.cuts = [0, 400_000, 0, 0, 0, 0, 0, 0]
        place.refusal()
        kept = place.kept
        server.statuses = [503, 403]
        place.refusal()
        assert place.kept == kept
        assert place.fetch() == OLD

    def test_what_is_not_a_zip_file_is_not_taken(self, server: FlakyServer, place: Place) -> None:
        server.body = OLD[:-50]
        assert "not a zip file" in place.refusal()
        server.body = OLD
        assert place.fetch() == OLD

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (401, "https://www.kaggle.com/settings"),
            (403, "https://www.kaggle.com/datasets/someone/some-faces, accept its licence"),
            (404, "correct `dataset` or `version`"),
            (429, "too many requests"),
            (400, "Kaggle refuses the request (400)"),
        ],
    )
    def test_a_refusal_says_what_to_do(
        self, server: FlakyServer, place: Place, monkeypatch: pytest.MonkeyPatch, status: int, words: str
    ) -> None:
        monkeypatch.setattr(Kaggle, "refuses", status)
        message = place.refusal()
        assert message.startswith("Kaggle dataset someone/some-faces, version 3: ")
        assert f"({status})" in message
        assert words in message
        assert len(server.seen) == 1

    def test_a_version_that_is_not_there(self, server: FlakyServer, place: Place) -> None:
        assert "version 4: no such dataset or version" in place.refusal(WANTED.model_copy(update={"version": 4}))

    def test_a_wrong_key(self, server: FlakyServer, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KAGGLE_KEY", "wrong")
        assert "refused the credentials (401)" in place.refusal()

    def test_an_empty_key(self, server: FlakyServer, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KAGGLE_KEY", "")
        assert "credentials are empty" in place.refusal()
        assert server.seen == []

    def test_kaggle_fails(self, server: FlakyServer, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Kaggle, "refuses", 503)
        assert "the server fails (503), after 4 attempts" in place.refusal()

    def test_no_network(self, server: FlakyServer, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, "http://localhost:1")
        assert "no connection, after 4 attempts; check the network" in place.refusal()


def test_nobody_is_signed_in(server: FlakyServer, place: Place) -> None:
    message = place.refusal()
    assert message.startswith("no Kaggle credentials")
    for place_to_put_it in ("https://www.kaggle.com/settings", "~/.kaggle/kaggle.json", "KAGGLE_API_TOKEN"):
        assert place_to_put_it in message
    assert server.seen == []


def test_a_key_in_a_file(server: FlakyServer, place: Place, home: Path) -> None:
    (home / ".kaggle").mkdir()
    (home / ".kaggle/kaggle.json").write_text(json.dumps({"username": "me", "key": KEY}))
    assert place.fetch() == OLD


def test_an_access_token(server: FlakyServer, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "good-token")
    assert place.fetch() == OLD


WRONG_FILES = [
    ("access_token", "good-token".encode("utf-16"), "is not plain UTF-8 text; save it as UTF-8"),
    ("access_token", "good-token".encode("utf-16-le"), "is not plain UTF-8 text; save it as UTF-8"),
    ("access_token", b"\xef\xbb\xbfgood-token", "is not plain UTF-8 text; save it as UTF-8"),
    ("access_token.txt", b"\xff\xfe", "is not plain UTF-8 text; save it as UTF-8"),
    ("access_token", b"good\r\n-token", "has spaces, line breaks or other invalid characters"),
    ("kaggle.json", json.dumps({"username": "me", "key": KEY}).encode("utf-16"), "is not plain UTF-8 text"),
    ("kaggle.json", b"\xef\xbb\xbf" + json.dumps({"username": "me", "key": KEY}).encode(), "is not plain UTF-8"),
    ("kaggle.json", json.dumps({"username": "me", "key": KEY}).encode()[:-9], "is not valid JSON; download it again"),
    ("kaggle.json", b"", "is not valid JSON; download it again"),
    ("kaggle.json", b"null", "lacks `username` or `key`; download it again"),
    ("kaggle.json", b'{"username": "me"}', "lacks `username` or `key`; download it again"),
]


@pytest.mark.parametrize(("name", "data", "said"), WRONG_FILES)
def test_credentials_that_can_not_be_read_are_one_line(
    server: FlakyServer, place: Place, home: Path, name: str, data: bytes, said: str
) -> None:
    (home / ".kaggle").mkdir()
    file = home / ".kaggle" / name
    file.write_bytes(data)
    assert place.refusal().startswith(f"{file}: {said}")
    assert server.seen == []


def test_a_token_that_is_no_text_and_one_that_is_too_long_for_a_file(
    server: FlakyServer, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "good-token\r")
    assert place.refusal().startswith("KAGGLE_API_TOKEN: has spaces, line breaks or other invalid characters")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "x" * 300)
    assert place.refusal().startswith("Kaggle's client can't read the credentials (")


def test_a_good_token_is_used_beside_a_damaged_key(
    server: FlakyServer, place: Place, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".kaggle").mkdir()
    (home / ".kaggle/kaggle.json").write_bytes(b"{")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "good-token")
    assert place.fetch() == OLD


def test_an_access_token_that_is_no_longer_good(
    server: FlakyServer, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "old-token")
    assert "does not accept the access token" in place.refusal()


def in_a_new_process(server: FlakyServer, place: Place, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Fetch where the client was never imported."""
    code = (
        "from pathlib import Path\nfrom kagglesdk import kaggle_env\nfrom unseen.core.errors import UserError\n"
        "from unseen.sources.kinds import kaggle\nfrom unseen.sources.shared import resume\n"
        f"kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = 'http://localhost:{server.port}'\n"
        f"wanted = kaggle.Settings(**{WANTED.model_dump()!r})\n"
        f"try: print(kaggle.fetch(wanted, Path({str(place.folder)!r}), Path({str(place.parts)!r})))\n"
        "except UserError as error: print('refused:', error)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(SRC)} | variables
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)


def test_a_new_process_shows_no_key(server: FlakyServer, place: Place) -> None:
    done = in_a_new_process(server, place, KAGGLE_USERNAME="me", KAGGLE_KEY=KEY, VERBOSE="1")
    assert done.stdout == f"{place.folder / 'some-faces.zip'}\n"
    assert KEY not in done.stderr
    assert base64.b64encode(f"me:{KEY}".encode()).decode() not in done.stderr


def test_a_new_process_where_nobody_is_signed_in(server: FlakyServer, place: Place) -> None:
    done = in_a_new_process(server, place)
    assert done.stdout.startswith("refused: no Kaggle credentials")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_home_that_nobody_can_write_to(server: FlakyServer, place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = in_a_new_process(server, place, KAGGLE_CONFIG_DIR=str(tmp_path / "file/folder"))
    assert "set KAGGLE_CONFIG_DIR" in done.stdout
