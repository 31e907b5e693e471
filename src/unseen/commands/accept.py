"""`unseen accept`: accept the new state of a folder or download that has changed."""

import argparse
from pathlib import Path

from unseen.commands.parsers import Commands, add_command
from unseen.core.errors import UserError

HELP = """\
The hash of each folder and download is recorded in checksums/ when it is first read. A later change is an error.
This command removes the recorded hash of NAME; the next `dvc repro` reads it again and records the new hash.
Of a model of the hub, hub/NAME, it removes the recorded commit and the hashes of its files.
"""


def run(arguments: argparse.Namespace) -> int:
    """Remove the recorded hash of a folder or archive of params.yaml, or those of a model of the hub."""
    from unseen.core.settings import Name, did_you_mean, read_block
    from unseen.sources.archives import AnyArchive
    from unseen.sources.shared.checksums import forget, origin
    from unseen.sources.shared.settings import FolderSettings

    params, name = Path("params.yaml"), arguments.name
    if name.startswith("hub/"):
        return _accept_model(params, name.removeprefix("hub/"))
    folders = read_block(params, ["folders"], dict[Name, FolderSettings])
    archives = read_block(params, ["archives"], dict[Name, AnyArchive])
    known = {**archives, **folders}
    if name not in known:
        raise UserError(f"params name no folder or archive `{name}`; {did_you_mean(name, sorted(known))}")
    block = "folders" if name in folders else "archives"
    if known[name].sha256:
        raise UserError(
            f"the hash of `{name}` is in params; correct or remove `{block}.{name}.sha256`, then run `dvc repro`"
        )
    file = Path("checksums", f"{name}.sha256")
    if not forget(file, known[name]):
        raise UserError(f"no hash of `{name}` ({origin(known[name])}) is recorded; run `dvc repro`")
    print(f"{file}: the hash of {origin(known[name])} is removed")
    if name in folders:
        print("the next `dvc repro` reads the folder again")
    else:
        print(f"`dvc repro` downloads it again if it failed before; `dvc repro -f download@{name}` always does")
    return 0


def _accept_model(params: Path, name: str) -> int:
    from unseen.core.settings import Name, did_you_mean, read_block
    from unseen.sources.hub.records import forget
    from unseen.sources.hub.settings import HubSettings

    models = read_block(params, ["hub"], dict[Name, HubSettings])
    if name not in models:
        raise UserError(f"params name no model `hub/{name}`; {did_you_mean(name, sorted(models))}")
    file = Path("checksums/hub", f"{name}.sha256")
    if not forget(file):
        raise UserError(f"nothing is recorded of `hub/{name}`; run `dvc repro`")
    print(f"{file}: removed; `dvc repro -f hub@{name}` fetches the model again and records its commit and hashes")
    return 0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "accept", run, "accept a folder or download that has changed", HELP)
    parser.add_argument("name", metavar="NAME", help="a key below `folders` or `archives` of params.yaml, or hub/KEY")
