"""`unseen compare`: two detectors on the same faces."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.commands.evaluate import add_bootstrap, share_of_one
from unseen.commands.parsers import Commands, add_command
from unseen.commands.words import columns, shown, warn
from unseen.core.errors import UserError
from unseen.evaluation.wording import over, over_seeds

if TYPE_CHECKING:
    import pandas as pd

HELP = """\
Compare two detectors on the faces that both have scored. A and B are names of detectors or ensembles of this
project, or files of predictions as for `unseen evaluate`. Two detectors are compared on each pair of params.yaml, at
their frozen thresholds. If A or B is a file, they are compared on all faces that both have, joined by id, or by
sha256 if no id matches.

AUC and accuracy are means over the training seeds of A and of B (column `seed` of a file).

  DeLong        test whether the AUCs of these networks differ (A - B), if faces are independent
  over people   95 % bootstrap interval of the difference: people are drawn with all their faces, and training seeds
                with all people; a picture without an identity counts as a person
  McNemar       exact binomial test on the faces that only one of the two classifies correctly at its threshold, with
                the networks of the first training seeds
"""

PREDICTIONS, DETECTORS = Path("data/predictions"), Path("models/detectors")
OF_ENSEMBLES, ENSEMBLES = Path("data/ensembles"), Path("models/ensembles")


def _read(name: str) -> "tuple[pd.DataFrame, list[float] | None]":
    """Predictions of a detector, an ensemble or a file; and the frozen threshold of each training seed, None for a
    file."""
    import pandas as pd

    from unseen.core.json_files import read_json
    from unseen.evaluation.external import read_external
    from unseen.evaluation.scored import frozen_of, trainings_of

    card = ENSEMBLES / name / "ensemble.json"
    is_ensemble = card.is_file()
    card = card if is_ensemble else DETECTORS / name / "detector.json"
    files = sorted(((OF_ENSEMBLES if is_ensemble else PREDICTIONS) / name).glob("*.parquet"))
    is_file = Path(name).exists() and not Path(name).is_dir()  # also a pipe, as of the shell's <(...)
    if is_file or not files:
        if not is_file:
            found = [*PREDICTIONS.glob("*"), *OF_ENSEMBLES.glob("*")]
            known = ", ".join(sorted(path.name for path in found)) or "none yet"
            raise UserError(f"{name}: neither a file nor a detector with predictions; allowed: {known}")
        return read_external(Path(name)), None
    try:
        trainings = trainings_of(read_json(card))
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: not found; run `dvc repro`") from None
    predictions = pd.concat([read_external(path).assign(set=path.stem) for path in files], ignore_index=True)
    frozen = frozen_of(trainings, sorted(predictions["seed"].unique()), name)
    return predictions, [one.threshold for one in frozen]


def _found(arguments: argparse.Namespace) -> dict[str, Any]:
    """The results of the comparisons, by pair."""
    from unseen.evaluation.compare import compare, join_predictions
    from unseen.evaluation.sanity import people_warnings, score_warnings

    (first, of_first), (second, of_second) = _read(arguments.first), _read(arguments.second)
    frozen = [[0.5] if thresholds is None else thresholds for thresholds in (of_first, of_second)]
    if arguments.thresholds is None and None in (of_first, of_second):
        print("the threshold of a file is 0.5 (set --thresholds A B to change it)", file=sys.stderr)
    a, b = arguments.thresholds or frozen
    parts = {"all": (first, second)}
    if of_first is not None and of_second is not None:
        from unseen.params.check import load_params

        pairs = load_params(Path("params.yaml")).pairs()
        parts = {
            name: (first[first["set"].isin(sets)], second[second["set"].isin(sets)])
            for name, sets in ((name, [pair.reals, pair.fakes]) for name, pair in pairs.items())
        }
    found = {}
    for name, both in parts.items():
        joined = join_predictions(*both)
        found[name] = one = compare(joined, (a, b), arguments.resamples, arguments.seed)
        one["warnings"] = people_warnings(joined.first.faces)
        for side, faces, thresholds, auc in zip(
            "AB", (joined.first, joined.second), (of_first, of_second), one["auc_intervals"], strict=True
        ):
            if thresholds is None:  # a file
                one["warnings"] += [f"{side}: {warning}" for warning in score_warnings(faces, auc)]
    return found


def as_table(found: dict[str, Any], names: tuple[str, str]) -> list[str]:
    """Format the results as text, a block for each comparison."""
    lines = []
    for pair, one in found.items():
        n, test, people, right = one["n"], one["delong"], one["people"], one["mcnemar"]
        lines.append(
            f"{pair}: {n['reals']} reals and {n['fakes']} fakes in both, joined by {n['joined_by']}; "
            f"not matched: {n['only_first']} of A, {n['only_second']} of B"
        )
        drawn = over(n["people"], n["without_identity"])
        spread = [over_seeds(seeds, "{:.4f}".format) for seeds in one["auc_seeds"]]
        several = any(spread)
        rows = [["", "AUC", *(["over seeds"] if several else []), "accuracy", "threshold"]]
        for i, name in enumerate(names):
            row = [f"  {'AB'[i]} {shown(name)}", f"{one['auc'][i]:.4f}", *([spread[i]] if several else [])]
            rows.append([*row, f"{one['accuracy'][i]:.1%}", f"{one['thresholds'][i]:.4f}"])
        lines += columns(rows)
        lines += [
            f"  AUC of A - B  {test['difference']:+.4f}; DeLong {test['low']:+.4f} to {test['high']:+.4f}, "
            f"p {test['p']:.2g}; over {drawn} {people['low']:+.4f} to {people['high']:+.4f}",
            f"  McNemar       only A correct {right['only_first_right']}, "
            f"only B correct {right['only_second_right']}, p {right['p']:.2g}",
        ]
    return lines


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison."""
    from unseen.evaluation.external import BadPredictions

    try:
        found = _found(arguments)
    except BadPredictions as error:
        for problem in error.problems:
            print(f"unseen: {shown(problem)}", file=sys.stderr)
        return 2
    for pair, one in found.items():
        warn(f"{pair}: {warning}" if len(found) > 1 else warning for warning in one["warnings"])
    if arguments.json:
        print(json.dumps(found, sort_keys=True))
    else:
        print("\n".join(as_table(found, (arguments.first, arguments.second))))
    return 0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "compare", run, "compare two detectors on the same faces", HELP)
    parser.add_argument("first", metavar="A", help="a detector, or a CSV or Parquet file")
    parser.add_argument("second", metavar="B", help="another one")
    parser.add_argument(
        "--thresholds", nargs=2, type=share_of_one, metavar=("A", "B"), help="default: the frozen ones; 0.5 for files"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    add_bootstrap(parser)
