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
    page.click(f"{FIRST} thead th:nth-child(9) button")
    assert page.value(NAMES) == ["dct_logistic", "efficientnet_lite0"], "320 pictures a second before 40"
    assert page.value(SORTED)[:9] == [None] * 8 + ["descending"], "one column at a time"


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
