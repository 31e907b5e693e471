"""The documentation: whole tables, links that lead somewhere, the words of the field, a short README."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/*.md"), ROOT / "tests/README.md"]
IN_NAV = re.compile(r"^ *- .*: (\S+\.md)$", re.MULTILINE)
LEFT_OUT = re.compile(
    r"\b(roads?|finders?|caught|wronged|alarms?|journals?|brought|judges?|judged|learned by heart|spared|let be"
    r"|keeps not|in vain|unseen one|known one|whole files?)\b|(?<!\bnot )\bflagged\b",
    re.IGNORECASE,
)
"""Words that the project does not use: CONTRIBUTING.md has those that it does. `not flagged` is a verdict."""


def tables(text: str) -> list[list[str]]:
    """The lines of each table outside of code."""
    found: list[list[str]] = [[]]
    for line in re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL).splitlines():
        if line.startswith("|"):
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [lines for lines in found if lines]


def cells(line: str) -> int:
    """How many cells a row has; a bar behind a backslash, or in code, is text."""
    return len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", line))) - 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_whole(page: Path) -> None:
    """A blank line within one makes text of all that follows."""
    for lines in tables(page.read_text(encoding="utf-8")):
        assert len(lines) > 2, lines
        assert re.fullmatch(r"\|(:?-+:?\|)+", lines[1]), lines[0]
        assert [line for line in lines if cells(line) != cells(lines[1])] == []


def prose(page: Path) -> str:
    """A page without its code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`]*`", "", text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_has_a_place_on_the_site() -> None:
    """`mkdocs build --strict` checks the rest, where mkdocs is installed."""
    site = (ROOT / ".ci/site.py").read_text(encoding="utf-8")
    moved = dict(re.findall(r'^    "(\S+\.md)": "(\S+\.md)",$', site, re.MULTILINE))
    assert all((ROOT / source).is_file() for source in moved)
    named = IN_NAV.findall((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(named) == sorted([*(page.name for page in ROOT.glob("docs/*.md")), *moved.values()])


@pytest.mark.parametrize(
    ("source", "link", "moved"),
    [
        ("README.md", "[a](docs/metrics.md#cost)", "[a](metrics.md#cost)"),
        ("README.md", "![a](docs/fakes.png)", "![a](fakes.png)"),
        ("README.md", "[a](CONTRIBUTING.md)", "[a](contributing.md)"),
        ("docs/gans.md", "[a](ladder.md)", "[a](ladder.md)"),
        ("docs/change.md", "[a](../experiments/README.md)", "[a](experiments.md)"),
        ("experiments/README.md", "[a](../docs/gans.md)", "[a](gans.md)"),
        ("docs/gans.md", "[a](https://example.org/docs/b.md) [c](#d)", "[a](https://example.org/docs/b.md) [c](#d)"),
    ],
)
def test_links_become_links_between_pages(source: str, link: str, moved: str) -> None:
    assert runpy.run_path(str(ROOT / ".ci/site.py"))["moved"](link, source) == moved


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_pages_use_the_words_of_the_field(page: Path) -> None:
    assert [found.group() for found in LEFT_OUT.finditer(prose(page))] == []


def test_code_and_messages_use_the_words_of_the_field() -> None:
    files = [*(ROOT / "src").rglob("*.*"), *(ROOT / "stages").glob("*.py"), *(ROOT / ".dvc/plots").glob("*.json")]
    texts = [file.read_text(encoding="utf-8") for file in files if file.suffix in (".py", ".html", ".yaml", ".json")]
    assert len(texts) > 200
    keys_of_random_numbers = {'"judged"'}
    found = [text[one.start() - 1 : one.end() + 1] for text in texts for one in LEFT_OUT.finditer(text)]
    assert [one for one in found if one not in keys_of_random_numbers] == []


@pytest.mark.parametrize(("text", "allowed"), [("not flagged", True), ("flagged", False), ("cannot flagged", False)])
def test_of_what_is_flagged_only_the_verdict_is_allowed(text: str, allowed: bool) -> None:
    assert (LEFT_OUT.search(text) is None) == allowed


def test_the_pages_name_each_kind_of_detector() -> None:
    kinds = {path.stem for path in (ROOT / "src/unseen/detectors/kinds").glob("*.py")} - {"__init__"}
    page = (ROOT / "docs/detectors.md").read_text(encoding="utf-8")
    table = next(lines for lines in tables(page) if lines[0].startswith("| kind |"))
    assert set(re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in table))) == kinds
    number = {15: "fifteen", 16: "sixteen", 17: "seventeen", 18: "eighteen"}[len(kinds)]
    assert f"| {number} kinds, " in (ROOT / "README.md").read_text(encoding="utf-8")
