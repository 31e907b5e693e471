"""`unseen evaluate`: metrics of external predictions."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.commands.parsers import Commands, add_command
from unseen.commands.words import columns, shown, warn
from unseen.data.identities import people_text
from unseen.evaluation.wording import between, over_seeds

if TYPE_CHECKING:
    import pandas as pd

HELP = """\
Compute metrics from files of predictions (CSV with any delimiter, or Parquet; several files are concatenated).
Columns:

  id or path             name of the face; unique
  label                  0, real or False; 1, fake or True
  score, logit, or both  probability of being fake, 0 to 1; its logit
  generator, source, identity   optional: generator of a fake, source of a real, person
  seed                   optional: training seed of the network; then a face has a row for each seed
  columns of --groups           may be empty in some rows: gender, age or other groups to report rates for

Intervals are 95 %. The bootstrap resamples people by `identity`, or faces without an identity, and training seeds.
Row 1 in messages is the first row after the header. docs/metrics.md defines each metric.
"""

EXIT = "exit codes: 0 done; 2 the predictions are not valid, with a line for each reason"
RANKED = {"AUC": "auc", "average precision": "average_precision", "EER": "eer"}
VERDICTS = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
ERRORS = ("mse", "rmse", "log_loss", "ece")
AT_FPR = {"fpr_0_5": "0.5 %", "fpr_1": "1 %", "fpr_5": "5 %"}


def _percent(found: dict[str, Any]) -> tuple[str, str]:
    write = "{:.1%}".format
    return write(found["share"]), f"{between(found['share'], found, write)}, n {found['n']}" + _seeds(found, write)


def _number(value: float, around: dict[str, Any] | None) -> tuple[str, str]:
    write = "{:.4f}".format
    return write(value), between(value, around, write) + _seeds(around, write) if around else ""


def _seeds(found: dict[str, Any], write: Callable[[float], str]) -> str:
    spread = over_seeds(found["seeds"], write)
    return f"; seeds {spread}" if spread else ""


def _of_groups(attribute: str, found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Rows with the FPR and TPR of each group; groups with few faces of a class are marked."""
    rows = [(f"by {shown(attribute)}", "", f"{found['without']} faces in no group")]
    for group, of in found["groups"].items():
        for rate, title in (("fpr", "FPR"), ("tpr", "TPR")):
            if of[rate]:
                share, around = _percent(of[rate])
                rows.append((f"  {shown(group)}: {title}", share, around + (", few" if rate in of["small"] else "")))
    for rate, title in (("fpr", "FPR"), ("tpr", "TPR")):
        if found["gaps"][rate] is not None:
            rows.append((f"  largest gap, {title}", f"{found['gaps'][rate]:.1%}", "between groups not marked few"))
    return rows


def as_table(found: dict[str, Any]) -> list[str]:
    """Format the metrics as text: name, value, interval."""
    around = found["intervals"]
    rows = [(name, *_number(found[key]["value"], found[key])) for name, key in RANKED.items()]
    rows.append((f"at threshold {found['threshold']:g}", "", ""))
    rows += [(f"  {key}", *_number(found[key], around[key])) for key in VERDICTS]
    if found["threshold"] != 0.5:
        rows.append(("at threshold 0.5", "", ""))
        rows += [(f"  {key}", *_number(found["at_half"][key], None)) for key in VERDICTS]
    oracles = {name: found["at_fpr"][key]["oracle"] for key, name in AT_FPR.items()}
    rows += [
        (f"TPR at FPR {name}, oracle threshold", *(_percent(of["tpr"]) if of["tpr"] else ("n/a", of["reason"])))
        for name, of in oracles.items()
    ]
    rows += [(key, *_number(found[key], around.get(key))) for key in ERRORS]
    before = found.get("before_temperature", {})
    if any(before[key] != found[key] for key in before):
        rows += [(f"{key} before temperature", *_number(before[key], None)) for key in ERRORS]
    confusion = ", ".join(f"{n:.10g} {name.replace('_', ' ')}" for name, n in found["confusion"].items())
    rows.append(("TPR", *_percent(found["tpr"])))
    worst_first = sorted(found["generators"].items(), key=lambda item: (item[1]["share"], item[0]))
    rows += [(f"  of {shown(name)}", *_percent(one)) for name, one in worst_first]
    rows.append(("FPR", *_percent(found["fpr"])))
    most_first = sorted(found["sources"].items(), key=lambda item: (-item[1]["share"], item[0]))
    rows += [(f"  of {shown(name)}", *_percent(one)) for name, one in most_first]
    for attribute, one in found.get("groups", {}).items():
        rows += _of_groups(attribute, one)
    n = found["n"]
    who = people_text(n["people"], n["without_identity"])
    heading = f"{n['reals']} reals, {n['fakes']} fakes, {who}; {confusion}"
    seeds = len(found["seeds"])
    trained = [f"means over {seeds} training seeds; intervals over people and training seeds"] if seeds > 1 else []
    return [heading, *trained, *columns(rows)]


def share_of_one(text: str) -> float:
    """Parse a threshold of the command line."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1; thresholds are on the score")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Print the metrics."""
    from unseen.commands.outputs import check_output
    from unseen.evaluation.external import BadPredictions, read_all
    from unseen.evaluation.external_metrics import external_metrics

    if arguments.page:
        check_output(arguments.page, "the page", (".html",), arguments.predictions)
    try:
        predictions = read_all(arguments.predictions, arguments.groups)
    except BadPredictions as error:
        for problem in error.problems:
            print(f"unseen: {shown(problem)}", file=sys.stderr)
        return 2
    threshold = _threshold(arguments)
    found = external_metrics(predictions, threshold, arguments.resamples, arguments.seed, arguments.groups)
    warn(found["warnings"])
    print(json.dumps(found, sort_keys=True) if arguments.json else "\n".join(as_table(found)))
    if arguments.page:
        _write_page(arguments.page, arguments.predictions, predictions, found)
    return 0


def _threshold(arguments: argparse.Namespace) -> float:
    """The threshold of the command line, the one that the files state, or 0.5. Prints a line if it was not given.

    Raises:
        UserError: see `stated_threshold`.
    """
    from unseen.serve.sidecar import stated_threshold

    if arguments.threshold is not None:
        return float(arguments.threshold)
    threshold, whose = stated_threshold(arguments.predictions) or (0.5, "")
    said = f"the frozen one of {shown(whose)}, {threshold:g}" if whose else "0.5"
    print(f"the threshold is {said} (set --threshold to change it)", file=sys.stderr)
    return threshold


def _write_page(page: Path, files: list[Path], predictions: "pd.DataFrame", found: dict[str, Any]) -> None:
    """Write the HTML page. Parts that need more than predictions contain a note.

    Raises:
        UserError: the page can't be written.
    """
    from unseen.core.errors import UserError
    from unseen.core.files import atomic_file
    from unseen.report.external import measured
    from unseen.report.page import render

    name = files[0].stem if len(files) == 1 else f"{files[0].stem} and {len(files) - 1} more"
    html = render(measured(name, predictions, found), [], None)
    try:
        with atomic_file(page) as part:
            part.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{page}: the page can't be written: {error.strerror}") from None
    print(f"the page: {shown(str(page))}", file=sys.stderr)


def _resamples(text: str) -> int:
    if not text.isdecimal() or not 100 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 100 to 100000")
    return int(text)


def add_bootstrap(parser: argparse.ArgumentParser) -> None:
    """Add the options of the bootstrap."""
    parser.add_argument(
        "--resamples", type=_resamples, default=1000, metavar="N", help="bootstrap resamples; default: %(default)s"
    )
    parser.add_argument("--seed", type=int, default=4, metavar="N", help="of the bootstrap; default: %(default)s")


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "evaluate", run, "compute metrics of external predictions", HELP, EXIT)
    parser.add_argument("predictions", nargs="+", type=Path, metavar="PREDICTIONS", help="a CSV or Parquet file")
    parser.add_argument(
        "--threshold",
        type=share_of_one,
        metavar="T",
        help="on the score, chosen on other data; default: the "
        "threshold that the files state, as those of `unseen predict` and `unseen score` do, or 0.5",
    )
    parser.add_argument(
        "--groups",
        action="extend",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="also report rates by these columns, such as gender",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--page", type=Path, metavar="OUT.html", help="also write a page with tables and curves")
    add_bootstrap(parser)
