"""The page in a real browser: choose, drop and paste a picture; keyboard; phone; nothing is loaded from elsewhere."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from PIL import Image

from report.browser import PROGRAM, Tab, browser
from unseen.serve.page.app import make_app
from unseen.serve.page.guard import LOOPBACK
from unseen.serve.page.limits import RefusedError
from unseen.serve.page.server import address_of, listen_at

from ..test_predict import encoded
from .clients import TOKEN, Quick

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")

SCOPE = {
    "scope": "drawn: `not flagged` does not mean real.",
    "threshold": 0.5,
    "demonstration": True,
    "verdicts": {"fake": "it reaches the threshold"},
    "measured": {"tpr": {"a": {"generators": ["g"], "share": 0.5, "n": 10}}, "fpr": {}},
}
CARD = (
    "# drawn\n\nText with **bold** and <b>no markup</b>.\n\n| a | b |\n| --- | --- |\n| 1 | `2` |\n\n- one\n- two\n"
)
HOSTILE = '<img src=x onerror="document.title = 1">'


class Shown(Quick):
    """Two faces, and text that would be markup if it were not escaped."""

    def about(self) -> dict[str, Any]:
        return {**super().about(), "scope": SCOPE, "card": CARD, "heat": True}

    def answer(self, data: bytes, heat: bool) -> dict[str, Any]:
        found = super().answer(data, heat)
        if not data.startswith(b"\x89PNG"):
            raise RefusedError(415, "not_an_image", "no known image format")
        (face,) = found["faces"]
        first = {**face, "box": (5, 10, 20, 30)}
        second = {**face, "box": (60, 50, 20, 30), "score": 0.5, "verdict": "unsure", "why": "in_band"}
        lost = {"reason": "too_small", "detail": HOSTILE, "box": (1, 1, 3, 3)}
        size = {"width": 100, "height": 120}
        return {**found, **size, "faces": [first, second], "not_scored": [lost], "provenance": {"c2pa": HOSTILE}}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a server in a thread."""
    yield from serving("")


def serving(token: str) -> Iterator[str]:
    """Serve while the generator is open."""
    listening = listen_at("127.0.0.1", 0)
    app = make_app(Shown(), hosts=LOOPBACK, token=token)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, ws="none"))
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]))
    thread.start()
    yield address_of(listening)
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A browser for all tests of this module."""
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def tab(chromium: Tab, address: str) -> Tab:
    """The page, freshly loaded on a desktop."""
    chromium.size(1280)
    loaded(chromium, address)
    return chromium


def loaded(tab: Tab, address: str) -> None:
    tab.requests.clear()
    tab.complaints.clear()
    tab.open(address)
    until(
        tab, "document.querySelector('#status') && !document.querySelector('#detector').textContent.startsWith('L')"
    )


def until(tab: Tab, condition: str) -> None:
    deadline = time.monotonic() + 20
    while not tab.value(condition):
        assert time.monotonic() < deadline, (condition, tab.complaints)
        time.sleep(0.02)


def text(tab: Tab, selector: str) -> str:
    return str(tab.value(f"document.querySelector({json.dumps(selector)}).innerText"))


def given(tab: Tab, event: str, kind: str) -> None:
    """Drop or paste a PNG file of one pixel."""
    tab.value(
        "(() => { const data = new DataTransfer(); const bytes = Uint8Array.from([137, 80, 78, 71]);"
        f"data.items.add(new File([bytes], 'given.png', {{type: 'image/png'}}));"
        f"document.body.dispatchEvent(new {kind}); }})()".replace("DATA", "data").replace("EVENT", event)
    )


@pytest.fixture
def png(tmp_path: Path, portrait: Image.Image) -> Path:
    """A picture's file with a name that would be markup."""
    path = tmp_path / "<b>a.png"
    path.write_bytes(encoded(portrait.resize((100, 120)), "PNG"))
    return path


def test_a_chosen_picture_is_shown_with_boxes_scores_and_reasons(tab: Tab, png: Path, address: str) -> None:
    tab.choose("#file", png)
    until(tab, "document.querySelector('article img')?.naturalWidth === 100")
    assert text(tab, "#status") == "<b>a.png: 2 faces: 1 fake, 1 unsure; 1 face without a score."
    assert text(tab, ".faces > li:nth-child(1) .badge") == "fake"
    assert "Why: in band." in text(tab, ".faces > li:nth-child(2)")
    image, box = (
        tab.value(f"(r => [r.x, r.y, r.width, r.height])(document.querySelector('{one}').getBoundingClientRect())")
        for one in ("article img", ".box.fake")
    )
    expected = [image[0] + image[2] * 0.05, image[1] + image[3] * 10 / 120, image[2] * 0.2, image[3] * 0.25]
    assert box == pytest.approx(expected, abs=1.5), "the box is on the face"
    label = tab.value("document.querySelector('.scale').getAttribute('aria-label')")
    assert label == "Score 0.70 on a scale from 0 to 1. Threshold 0.50. Unsure from 0.40 to 0.60."
    assert HOSTILE in text(tab, "article"), "text stays text"
    assert tab.value("document.querySelectorAll('article b, [onerror]').length") == 0
    assert tab.complaints == []
    assert all(one.startswith((address, "blob:", "data:")) for one in tab.requests)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("drop", "DragEvent('EVENT', {bubbles: true, dataTransfer: DATA})"),
        ("paste", "ClipboardEvent('EVENT', {bubbles: true, clipboardData: DATA})"),
    ],
)
def test_a_picture_is_dropped_or_pasted(tab: Tab, event: str, kind: str) -> None:
    given(tab, event, kind)
    until(tab, "document.querySelectorAll('article').length === 1")
    assert text(tab, "#status").startswith("given.png: 2 faces")


def test_a_refusal_is_told_and_stops_nothing(tab: Tab, png: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    tab.choose("#file", bad)
    until(tab, "document.querySelector('#status').className === 'bad'")
    assert text(tab, "#status") == "bad.png: no known image format"
    tab.choose("#file", png)
    until(tab, "document.querySelectorAll('article').length === 1")


def test_the_keyboard_reaches_the_picture_and_its_faces(tab: Tab, png: Path) -> None:
    tab.press("Tab")
    assert tab.value("document.activeElement.id") == "file"
    tab.choose("#file", png)
    until(tab, "document.querySelectorAll('.box.fake').length === 1")
    tab.value("document.querySelector('.box.fake').focus()")
    tab.press("Enter")
    assert tab.value("document.activeElement.matches('.faces > li:nth-child(1)')")


def test_the_page_fits_a_phone(tab: Tab, png: Path) -> None:
    tab.size(360)
    tab.choose("#file", png)
    until(tab, "document.querySelectorAll('article').length === 1")
    tab.value("document.querySelector('#card').open = true")
    assert tab.value("document.documentElement.scrollWidth") <= 360


def test_the_card_and_the_scope_are_shown(tab: Tab) -> None:
    assert tab.value("document.querySelector('#demonstration').hidden") is False
    assert text(tab, "#scope") == "drawn: not flagged does not mean real."
    assert "50 %" in text(tab, "#measured")
    tab.value("document.querySelector('#card').open = true")
    assert "Text with bold and <b>no markup</b>." in text(tab, "#card")
    assert tab.value("document.querySelectorAll('#card td').length") == 2
    assert tab.value("document.querySelectorAll('#card li').length") == 2


def test_the_page_asks_for_a_token(chromium: Tab, png: Path) -> None:
    for address in serving(TOKEN):
        loaded(chromium, address)
        until(chromium, "document.activeElement.id === 'token'")
        chromium.value(f"document.querySelector('#token').value = '{TOKEN}'")
        chromium.press("Enter")
        until(chromium, "document.querySelector('#token-form').hidden")
        chromium.choose("#file", png)
        until(chromium, "document.querySelectorAll('article').length === 1")
        assert chromium.value("document.querySelector('#token-form').hidden")


def test_the_page_of_the_api_is_shown(tab: Tab, address: str) -> None:
    tab.open(f"{address}docs")
    until(tab, "document.querySelectorAll('#paths section').length > 6")
    assert "POST /predict/batch" in text(tab, "#paths")
    assert tab.complaints == []
