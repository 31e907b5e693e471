"""Reads a page as its readers do: tables by their cells, and whether every element is closed."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "wbr"}


class Page(HTMLParser):
    """What stands in a page.

    Attributes:
        tables: their rows of cells, headings first.
        captions: of each table, empty where it has none.
        links: every address that anything refers to.
        ids: of elements outside of pictures.
        texts: of every element, by its name and class, as in `p.notice`.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.captions: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[tuple[str, str, list[str]]] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {[tag for tag, _, _ in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.links += [value for name, value in found.items() if name in ("href", "src", "xlink:href", "srcset")]
        inside = [name for name, _, _ in self._open]
        if "svg" not in inside and tag != "svg" and "id" in found:
            self.ids.append(found["id"])
        if tag == "table":
            self.tables.append([])
            self.captions.append("")
        if tag == "tr":
            self.tables[-1].append([])
        if tag not in VOID:
            self._open.append((tag, found.get("class", ""), []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        opened, named, words = self._open.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}> in line {self.getpos()[0]}"
        text = " ".join("".join(words).split())
        self.texts.setdefault(f"{tag}.{named}" if named else tag, []).append(text)
        if tag in ("td", "th"):
            self.tables[-1][-1].append(text)
        if tag == "caption":
            self.captions[-1] = text

    def handle_data(self, data: str) -> None:
        for _, _, words in self._open:
            words.append(data)
