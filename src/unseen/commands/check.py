"""`unseen check`: whether a params file is valid, and whether everything that it names is available."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.commands.parsers import Commands, add_command
from unseen.commands.words import count, shown

if TYPE_CHECKING:
    from unseen.params.check import Params

HELP = """\
Check a complete params file: keys, values, references between blocks, folders, files, credentials, free disk space
against an estimate, and the environment variables of this project. Does not use the network. Prints a line for each
problem: file, line, key, and what to do. Exit code 0: valid; 2: not valid.

With --explain: print every knob instead, a line each, with its value, `(default)` if the file does not name it, and
its meaning and unit.
"""


def run(arguments: argparse.Namespace) -> int:
    """Print the problems of a params file. Returns 0 if there are none, otherwise 2."""
    from unseen.core.environment import variable_problems
    from unseen.params.availability import problems
    from unseen.params.check import checked, with_lines

    path, project = arguments.params, Path()
    found = checked(path)
    if arguments.explain and found.params and not found.problems:
        return _explain(path, found.params)
    missing = with_lines(path, problems(found.params, project) if found.params else _archive_problems(path, project))
    lines = [*found.problems, *missing, *variable_problems()]
    if lines:
        for line in lines:
            print(shown(line), file=sys.stderr)
        note = "" if found.params else "; references between blocks are checked after these are fixed"
        print(f"{shown(str(path))}: {count(len(lines), 'problem')}{note}", file=sys.stderr)
        return 2
    assert found.params
    print(_summary(path, found.params))
    for line in _to_come(found.params, project):
        print(shown(line))
    return 0


def _explain(path: Path, params: "Params") -> int:
    from unseen.core.yaml_text import read_yaml
    from unseen.params.explain import explained

    for line in explained(params, read_yaml(path)):
        print(shown(line))
    return 0


def _archive_problems(path: Path, project: Path) -> Iterator[str]:
    """Yield problems of the valid archives and folders, in a params file that is not valid elsewhere."""
    from unseen.core.settings import problems_of, validated
    from unseen.core.yaml_text import read_yaml
    from unseen.params.availability import archive_problems, folder_problems
    from unseen.sources.archives import AnyArchive
    from unseen.sources.shared.settings import FolderSettings

    def valid(key: str, kind: Any) -> dict[str, Any]:
        blocks = read_yaml(path).get(key)
        named = blocks.items() if isinstance(blocks, dict) else ()
        return {str(name): validated(kind, block, "") for name, block in named if not problems_of(kind, block)}

    yield from archive_problems(valid("archives", AnyArchive), project)
    yield from folder_problems(valid("folders", FolderSettings), project)


def _summary(path: Path, params: "Params") -> str:
    counts: dict[str, dict[str, Any]] = {
        "source": params.sources,
        "GAN": params.gans,
        "fake set": {**params.fakes, **params.twins, **params.diffuse},
        "detector": params.detectors,
        "evaluation set": params.evaluation_sets,
    }
    return f"{shown(str(path))}: valid ({', '.join(count(len(items), what) for what, items in counts.items())})"


def _to_come(params: "Params", project: Path) -> list[str]:
    """Lines about downloads of the next run, which are not checked here."""
    from unseen.params.availability import to_fetch

    names = to_fetch(params, project)
    return [f"to be downloaded in the next run: {', '.join(names)}"] if names else []


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "check", run, "check a params file and the files that it names", HELP)
    parser.add_argument("params", nargs="?", type=Path, default=Path("params.yaml"), help="default: %(default)s")
    parser.add_argument("--explain", action="store_true", help="print every knob, its value and its meaning")
