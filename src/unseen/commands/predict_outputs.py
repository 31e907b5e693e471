"""The output files of `unseen predict`, which are checked before the detector is loaded."""

import argparse
from pathlib import Path

from unseen.commands.outputs import check_output
from unseen.core.errors import UserError

OUTPUTS = {"csv": (".csv",), "parquet": (".parquet",), "jsonl": (".jsonl", ".ndjson"), "gallery": (".html", ".htm")}
"""The options for output files, with the allowed suffixes."""

WHAT = {"csv": "the CSV table", "parquet": "the Parquet table", "jsonl": "the JSON lines", "gallery": "the gallery"}


def outputs_of(arguments: argparse.Namespace) -> dict[str, Path]:
    """Return the checked output files by option.

    Raises:
        UserError: a file can't be written, two are the same, or `--resume` is given without an output file.
    """
    found = {name: path for name in OUTPUTS if (path := getattr(arguments, name))}
    for name, path in found.items():
        check_output(path, WHAT[name], OUTPUTS[name], map(Path, arguments.paths))
    if len({path.resolve() for path in found.values()}) < len(found):
        raise UserError("two outputs have the same name; give each a different one")
    if arguments.resume and not found:
        raise UserError("--resume needs an output file; give --csv, --parquet, --jsonl or --gallery")
    return found
