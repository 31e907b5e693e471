"""The page in a real browser: it loads and asks for nothing, sorts by mouse and by keyboard, fits a phone, and is
dark where that is preferred."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .browser import PROGRAM, Tab, browser

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium or Chrome on this machine")

FIRST = "#leaderboard table"
NAMES = f"[...document.querySelectorAll('{FIRST} tbody th')].map(cell => cell.textContent.trim())"
SORTED = f"[...document.querySelectorAll('{FIRST} thead th')].map(head => head.getAttribute('aria-sort'))"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def file(report: str, data_page: str, root: Path) -> Path:
    (root / "metrics/report.html").write_text(report)
    (root / "metrics/data.html").write_text(data_page)
    return root / "metrics/report.html"


@pytest.fixture
def page(tab: Tab, file: Path) -> Tab:
    tab.size(1200)
    tab.dark(False)
    tab.requests.clear()
    tab.complaints.clear()
    tab.open(file)
    return tab


def test_it_asks_for_nothing_but_itself_and_complains_of_nothing(page: Tab, file: Path) -> None:
    assert page.value("document.querySelectorAll('main section').length") == 11
    assert [address for address in page.requests if not address.startswith("data:")] == [file.as_uri()]
    assert page.complaints == []
    assert page.value("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


def test_its_policy_stops_what_should_not_be_there(page: Tab, file: Path) -> None:
    page.value("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/pixel.png'}))")
    page.value(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.evil = 1'}))"
    )
    assert page.value("window.evil") is None
    assert any("Content Security Policy" in text for text in page.complaints)


def test_a_click_on_a_head_sorts_and_another_turns_it_round(page: Tab) -> None:
    as_written = page.value(NAMES)
    assert as_written == ["efficientnet_lite0", "dct_logistic"]
    head = f"{FIRST} thead th:first-child button"
    page.click(head)
    assert page.value(NAMES) == sorted(as_written)
    assert page.value(SORTED)[0] == "ascending"
    page.click(head)
    assert page.value(NAMES) == sorted(as_written, reverse=True)
    assert page.value(SORTED)[0] == "descending"
    page.click(f"{FIRST} thead th:nth-child(8) button")
    assert page.value(NAMES) == ["dct_logistic", "efficientnet_lite0"], "320 pictures a second before 40"
    assert page.value(SORTED)[:8] == [None] * 7 + ["descending"], "one column at a time"


def test_the_keyboard_sorts(page: Tab) -> None:
    page.value(f"document.querySelector('{FIRST} thead th:first-child button').focus()")
    page.press("Enter")
    assert page.value(NAMES) == ["dct_logistic", "efficientnet_lite0"]
    page.press("Tab")
    page.press("Tab")
    page.press("Enter")
    assert page.value(SORTED)[2] == "descending", "the third head, balanced accuracy"
    assert page.value(NAMES) == ["efficientnet_lite0", "dct_logistic"]


def test_the_keyboard_skips_the_contents(page: Tab) -> None:
    page.press("Tab")
    assert page.value("document.activeElement.textContent") == "Skip to the results"
    page.press("Enter")
    assert page.value("location.hash") == "#main"


def test_without_scripts_tables_are_there_as_written(page: Tab, file: Path) -> None:
    page.without_scripts()
    try:
        page.open(file)
        heads = page.value("document.querySelectorAll('button').length")
        assert (heads, page.value(NAMES)) == (0, ["efficientnet_lite0", "dct_logistic"])
    finally:
        page.without_scripts(False)


WIDER = """[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth)
    .map(box => box.ariaLabel)"""
BROKEN = """[...document.querySelectorAll('table th, table td')].flatMap(cell => {
    const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), found = [];
    while (walk.nextNode()) for (const word of walk.currentNode.data.matchAll(/[A-Za-z]+/g)) {
        const range = document.createRange();
        range.setStart(walk.currentNode, word.index);
        range.setEnd(walk.currentNode, word.index + word[0].length);
        if (range.getClientRects().length > 1) found.push(`${word[0]} of ${cell.textContent}`);
    }
    return found;
})"""
OPEN = "document.querySelectorAll('details').forEach(one => one.open = true)"


def test_no_table_is_clipped_at_1280_pixels(page: Tab) -> None:
    page.size(1280)
    assert page.value("document.documentElement.scrollWidth") <= 1280
    page.value(OPEN)
    assert page.value(WIDER) == []


@pytest.mark.parametrize("width", [360, 1280])
def test_no_word_of_a_table_is_broken(page: Tab, file: Path, report: str, width: int) -> None:
    long = file.with_name("long.html")
    long.write_text(report.replace("efficientnet_<wbr>lite0", "discriminator"))
    page.size(width)
    page.open(long)
    page.value(OPEN)
    assert page.value(BROKEN) == []


def test_pairs_are_folded_and_a_click_opens_one(page: Tab) -> None:
    folded = "document.querySelector('#pairs details').open"
    assert page.value(folded) is False
    page.click("#pairs summary")
    assert page.value(folded) is True


def test_on_paper_no_column_lies_beyond_the_edge(page: Tab, file: Path) -> None:
    # A4 landscape less its margins, in CSS pixels: (297 - 20) / 25.4 x 96
    page.size(1046)
    page.paper(True)
    try:
        page.open(file)
        right = (
            "Math.max(...[...document.querySelectorAll('td, th')].map(cell => cell.getBoundingClientRect().right))"
        )
        assert 300 < page.value(right) <= 1046
        assert page.value("document.querySelector('#pairs details table').checkVisibility()")
    finally:
        page.paper(False)


@pytest.mark.parametrize("name", ["report.html", "data.html"])
def test_it_fits_a_phone(page: Tab, file: Path, name: str) -> None:
    page.size(360)
    page.open(file.parent / name)
    assert page.value("document.documentElement.scrollWidth") <= 360
    wide = "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth).length"
    assert page.value(wide) > 3, "tables are wider, and scroll in their boxes"


def test_it_is_dark_where_that_is_preferred(page: Tab) -> None:
    def brightness(selector: str, of: str) -> float:
        colour = page.value(f"getComputedStyle(document.querySelector('{selector}'))['{of}']")
        return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(", "))) / 3

    looks = {}
    for dark in (False, True):
        page.dark(dark)
        looks[dark] = (
            brightness("body", "background-color"),
            brightness("body", "color"),
            brightness("svg text", "fill"),
        )
    assert looks[False][0] > 200 > 60 > looks[True][0]
    assert all(light < 100 for light in looks[False][1:])
    assert all(light > 150 for light in looks[True][1:]), "words and charts"
