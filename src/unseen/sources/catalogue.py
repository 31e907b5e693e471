"""The catalogue of ready-made sources (catalogue.yaml), and the state of each source in a project."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.core.settings import Name, Role, Settings, did_you_mean, validated
from unseen.core.yaml_text import read_yaml
from unseen.sources.archives import AnyArchive
from unseen.sources.shared.checksums import origin
from unseen.sources.shared.settings import Origin, SourceSettings

FILE = Path(__file__).with_name("catalogue.yaml")


class Catalogue(Settings):
    """The blocks of catalogue.yaml, in the format of params.yaml, and the size of each archive as text."""

    sizes: dict[Name, str]
    archives: dict[Name, AnyArchive]
    sources: dict[Name, SourceSettings]


@dataclass(frozen=True)
class CatalogueRow:
    """Summary of a source."""

    name: str
    label: str
    use: Role
    kind: str
    size: str
    here: str
    license: str


@cache
def load_catalogue() -> Catalogue:
    """Load and validate the catalogue."""
    catalogue: Catalogue = validated(Catalogue, read_yaml(FILE), "catalogue")
    return catalogue


@cache
def _texts(section: str) -> dict[str, str]:
    """The text of each block in `archives` or `sources` by name, with comments."""
    _, _, after = FILE.read_text(encoding="utf-8").partition(f"\n{section}:\n")
    below = re.split(r"^(?=\w)", after, maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^  (\w+):\n((?:    .*\n)+)", below, re.MULTILINE))


def entry(*names: str) -> str:
    """The blocks of sources and their archives, each once, to paste into params.yaml.

    Raises:
        UserError: the catalogue has no source of this name.
    """
    known = load_catalogue().sources
    for name in names:
        if name not in known:
            raise UserError(f"the catalogue has no source `{name}`; {did_you_mean(name, sorted(known))}")
    archives = dict.fromkeys(known[name].archive for name in names)
    lines = []
    for section, wanted in (("archives", archives), ("sources", dict.fromkeys(names))):
        lines.append(f"{section}:\n")
        lines += [f"  {name}:\n{_texts(section)[name]}" for name in wanted]
    return "".join(lines)


def _size(name: str, archive: Origin, card: Path) -> str:
    """The size of an archive: from the catalogue if it has the same archive, otherwise from the download."""
    known = load_catalogue().archives.get(name)
    if known and origin(known) == origin(archive):
        return load_catalogue().sizes[name]
    if not card.exists():
        return "size not known"
    size = int(read_json(card)["bytes"])
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _row(name: str, source: SourceSettings, archive: Origin, data: Path, where: str) -> CatalogueRow:
    card = data / "raw" / source.archive / "archive.json"
    made = any(found.parent.name == name for found in data.glob("faces/**/set.json"))
    here = "faces made" if made else "downloaded" if card.exists() else where
    size = _size(source.archive, archive, card)
    return CatalogueRow(
        name=name, label=source.label, use=source.use, kind=archive.kind, size=size, here=here, license=source.license
    )


def catalogue_rows(
    archives: Mapping[str, Origin], sources: Mapping[str, SourceSettings], data: Path
) -> list[CatalogueRow]:
    """Summarise all sources of params, then those of the catalogue that params do not have.

    Args:
        archives: archives and folders of params; empty outside a project.
        sources: sources of params.
        data: the project's data folder, which has downloaded archives and faces.

    Raises:
        UserError: a source of params names an unknown archive.
    """
    for name, source in sources.items():
        if source.archive not in archives:
            known = did_you_mean(source.archive, sorted(archives))
            raise UserError(f"params: `sources.{name}.archive` is {source.archive!r}; {known}")
    catalogue = load_catalogue()
    rows = [_row(name, source, archives[source.archive], data, "in params") for name, source in sources.items()]
    return rows + [
        _row(name, source, catalogue.archives[source.archive], data, "in the catalogue")
        for name, source in catalogue.sources.items()
        if name not in sources
    ]
