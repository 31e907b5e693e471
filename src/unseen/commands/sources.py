"""`unseen sources`: list sources of pictures, and print or add their params."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from unseen.commands.parsers import Commands, add_command
from unseen.commands.words import columns
from unseen.core.errors import UserError

HELP = """\
Without NAME: list every source of params.yaml and of the catalogue. `use` is its role: `train` for training and
evaluation, `held_out` only for evaluation. `here` is its state: faces made, downloaded, in params, or in the
catalogue.

With NAMEs: print their blocks of the catalogue, for `archives:` and `sources:` of params.yaml. With `--add`, write
them to params.yaml; other lines do not change.
"""

HEADINGS = ("source", "label", "use", "kind", "here", "size", "licence")


def run(arguments: argparse.Namespace) -> int:
    """Print the table, or the blocks of the named sources."""
    from unseen.core.settings import Name, read_block
    from unseen.core.yaml_text import read_yaml
    from unseen.sources.archives import AnyArchive
    from unseen.sources.catalogue import catalogue_rows, entry
    from unseen.sources.shared.settings import FolderSettings, SourceSettings

    if arguments.add:
        return _add(arguments.names)
    if arguments.names:
        print(entry(*arguments.names), end="")
        return 0
    params = Path("params.yaml")
    archives = read_block(params, ["archives"], dict[Name, AnyArchive]) if params.exists() else {}
    has_folders = params.exists() and "folders" in read_yaml(params)
    folders = read_block(params, ["folders"], dict[Name, FolderSettings]) if has_folders else {}
    sources = read_block(params, ["sources"], dict[Name, SourceSettings]) if params.exists() else {}
    rows = catalogue_rows({**archives, **folders}, sources, Path("data"))
    cells = [(row.name, row.label, row.use, row.kind, row.here, row.size, row.license) for row in rows]
    print("\n".join(columns([HEADINGS, *cells])))
    return 0


def _add(names: Sequence[str]) -> int:
    from unseen.sources.adding import add as add_to
    from unseen.sources.catalogue import load_catalogue

    if not names:
        raise UserError("`--add` needs the name of a source; `unseen sources` lists them")
    file = Path("params.yaml")
    print(f"{file}: added {', '.join(f'`{key}`' for key in add_to(file, names))}")
    for name in names:
        source = load_catalogue().sources[name]
        split = "all" if source.use == "held_out" else "test"
        print(
            "to evaluate on it, add to `evaluation_sets`:  "
            f"{name}: {{data: faces/{source.group}/{name}, split: {split}}}"
        )
    return 0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "sources", run, "list sources of pictures, or add some to params.yaml", HELP)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a source of the catalogue")
    parser.add_argument("--add", action="store_true", help="write the blocks of NAMEs to params.yaml")
