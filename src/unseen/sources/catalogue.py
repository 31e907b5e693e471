"""Ready-made sources for params.yaml (catalogue.yaml beside this file), and what of them is here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.files import read_json
from unseen.core.settings import Name, Role, Settings, did_you_mean, read_yaml, validated
from unseen.sources.archives import AnyArchive
from unseen.sources.shared.checksums import origin
from unseen.sources.shared.settings import Origin, SourceSettings

FILE = Path(__file__).with_name("catalogue.yaml")


class Catalogue(Settings):
    """The blocks of catalogue.yaml, as params.yaml takes them, and in words how large each archive is."""

    sizes: dict[Name, str]
    archives: dict[Name, AnyArchive]
    sources: dict[Name, SourceSettings]


@dataclass(frozen=True)
class CatalogueRow:
    """A source at a glance."""

    name: str
    label: str
    use: Role
    kind: str
    size: str
    here: str
    license: str


@cache
def load_catalogue() -> Catalogue:
    """The whole catalogue, typed."""
    catalogue: Catalogue = validated(Catalogue, read_yaml(FILE), "catalogue")
    return catalogue


@cache
def _texts(section: str) -> dict[str, str]:
    """The text of each block below `archives` or `sources`, with the comments in it, by its name."""
    _, _, after = FILE.read_text(encoding="utf-8").partition(f"\n{section}:\n")
    below = re.split(r"^(?=\w)", after, maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^  (\w+):\n((?:    .*\n)+)", below, re.MULTILINE))


def entry(*names: str) -> str:
    """The blocks of some sources and of their archives, each once, to paste into params.yaml.

    Raises:
        UserError: the catalogue has no source of such a name.
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
    """How large an archive is: what the catalogue says of just this one, or what was measured when it came."""
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
    return CatalogueRow(name, source.label, source.use, archive.kind, size, here, source.license)


def catalogue_rows(
    archives: Mapping[str, Origin], sources: Mapping[str, SourceSettings], data: Path
) -> list[CatalogueRow]:
    """Every source of params and of the catalogue, those of params first; where both have one, that of params.

    Args:
        archives: those of params, and folders; empty outside of a project.
        sources: those of params.
        data: the project's data folder, where archives and faces lie if they are here.

    Raises:
        UserError: a source of params names an archive that isn't there.
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
