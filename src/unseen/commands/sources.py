"""`unseen sources`: which sets of pictures there are, which of them are here, and the blocks to paste."""

import argparse
from pathlib import Path

from unseen.commands.words import columns

HELP = """\
Without a NAME: every source of params.yaml and of the catalogue, a line each. `use` is its role: `train` may fit
anything, `held_out` is only measured on. `here` is how far it has come: faces made, downloaded, in params, or in
the catalogue.

With NAMEs: their blocks of the catalogue, to paste below `archives:` and `sources:` of params.yaml.
"""

HEADINGS = ("source", "label", "use", "kind", "here", "size", "licence")


def run(arguments: argparse.Namespace) -> int:
    """Print the table, or the blocks of the sources that are named."""
    from unseen.settings import Name, read_block
    from unseen.sources.catalogue import entry, listing
    from unseen.sources.settings import ArchiveSettings, SourceSettings

    if arguments.names:
        print(entry(*arguments.names), end="")
        return 0
    params = Path("params.yaml")
    archives = read_block(params, ["archives"], dict[Name, ArchiveSettings]) if params.exists() else {}
    sources = read_block(params, ["sources"], dict[Name, SourceSettings]) if params.exists() else {}
    rows = listing(archives, sources, Path("data"))
    cells = [(row.name, row.label, row.use, row.kind, row.here, row.size, row.license) for row in rows]
    print("\n".join(columns([HEADINGS, *cells])))
    return 0


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command on the command line."""
    parser = commands.add_parser(
        "sources",
        help="list sets of pictures, or print one to paste into params.yaml",
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a source of the catalogue")
    parser.set_defaults(run=run)
