"""The files that `unseen predict` is asked for, checked before anything is loaded."""

import argparse
from pathlib import Path

from unseen.commands.outputs import check_output
from unseen.core.errors import UserError

OUTPUTS = {"csv": (".csv",), "parquet": (".parquet",), "jsonl": (".jsonl", ".ndjson"), "gallery": (".html", ".htm")}
"""The options for files, with the endings of their names."""

WHAT = {"csv": "the CSV table", "parquet": "the Parquet table", "jsonl": "the JSON lines", "gallery": "the gallery"}


def outputs_of(arguments: argparse.Namespace) -> dict[str, Path]:
    """The files that are wanted, by option, checked.

    Raises:
        UserError: a file can't be written, two are the same, or `--resume` is given without any.
    """
    found = {name: path for name in OUTPUTS if (path := getattr(arguments, name))}
    for name, path in found.items():
        check_output(path, WHAT[name], OUTPUTS[name], map(Path, arguments.paths))
    if len({path.resolve() for path in found.values()}) < len(found):
        raise UserError("two outputs have the same name; give each a name of its own")
    if arguments.resume and not found:
        raise UserError("--resume goes on with a file: give --csv, --parquet, --jsonl or --gallery")
    return found
