"""Hooks of mkdocs: pages of the site that lie outside of docs/, and links that work on GitHub and on the site.

README.md is the first page. A link is written as it works on GitHub, relative to the file that holds it; here it
becomes a link between pages. `mkdocs build --strict` then checks it.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "experiments/README.md": "experiments.md",
    "tests/README.md": "tests.md",
}
"""Files outside of docs/, from the top of the repository, and the names of their pages."""

LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)(?=[)#])")


def moved(text: str, source: str) -> str:
    """The text of a page with its links as links between pages.

    Args:
        text: Markdown with links relative to `source`.
        source: the file, from the top of the repository.
    """

    def target(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), found.group(1)))
        return PAGES.get(path, path.removeprefix("docs/"))

    return LINK.sub(target, text)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie outside of docs/."""
    from mkdocs.structure.files import File

    root = Path(config.config_file_path).parent
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(root / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn the links of a page into links between pages."""
    sources = {name: source for source, name in PAGES.items()}
    return moved(markdown, sources.get(page.file.src_uri, f"docs/{page.file.src_uri}"))
