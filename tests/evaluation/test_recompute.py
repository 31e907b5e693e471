"""Two programs that share no code come to the same numbers."""

import ast
import json
import runpy
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from commands.program import run

SCRIPT = Path(__file__).parent / "recompute.py"


def predictions(path: Path, seeds: int) -> None:
    """Faces with ties, saturated scores and scores at the edges of bins, of some seeds; 0: no such column."""
    random = np.random.default_rng(7)
    labels = random.integers(0, 2, 700)
    logits = np.round(random.normal(2 * labels - 1, 2.5), 1)
    logits[:4] = [80, -80, 80, -80]
    scores = 1 / (1 + np.exp(-logits / 1.7))
    scores[4:8] = [0.0, 1.0, 0.2, 0.6]
    generators = random.choice(["dcgan", "a, b", "stylegan"], 700)
    columns: dict[str, Any] = {
        "path": [f"{i}.png" for i in range(700)],
        "label": labels,
        "logit": logits,
        "score": scores,
        "generator": np.where(labels == 1, generators, ""),
        "source": np.where(labels == 0, random.choice(["orl", "lfw"], 700), ""),
        "identity": random.integers(0, 100, 700),
    }
    frames = [pd.DataFrame(columns)]
    for seed in range(1, seeds):
        logits = np.round(frames[0]["logit"] + random.normal(0, 1, 700), 1)
        moved = frames[0].assign(logit=logits, score=1 / (1 + np.exp(-logits / 2.1)))
        frames.append(moved.sample(frac=1, random_state=seed))
    for seed, frame in enumerate(frames if seeds else ()):
        frame["seed"] = 4 + seed
    pd.concat(frames).to_csv(path, index=False)


def printed_by(script: Path, *arguments: Any) -> Any:
    """What a program prints, read as JSON; in this process, since it takes seconds to import SciPy anew."""
    printed = StringIO()
    with redirect_stdout(printed):
        runpy.run_path(str(script))["main"](*arguments)
    return json.loads(printed.getvalue())


def same(found: Any, expected: Any) -> None:
    """Every number of `expected` is in `found`, to 1e-9."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            same(found[key], value)
    else:
        assert found == pytest.approx(expected, rel=0, abs=1e-9)


@pytest.mark.parametrize(("threshold", "seeds"), [("0.5", 0), ("0.83", 0), ("1", 0), ("0.5", 1), ("0.83", 3)])
def test_an_independent_program_comes_to_the_same_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], threshold: str, seeds: int
) -> None:
    predictions(tmp_path / "mine.csv", seeds)
    code, out, _ = run(
        capsys, "evaluate", tmp_path / "mine.csv", "--threshold", threshold, "--json", "--resamples", "100"
    )
    assert code == 0
    found = json.loads(out[0])
    expected = printed_by(SCRIPT, tmp_path / "mine.csv", float(threshold))
    oracle, of_seeds = expected.pop("oracle"), expected.pop("of_seeds")
    assert set(of_seeds) == {str(4 + seed) for seed in range(seeds)} or not seeds
    same({name: found["at_fpr"][name]["oracle"]["tpr"]["share"] for name in oracle}, oracle)
    assert {name for name, at in found["at_fpr"].items() if at["oracle"]["tpr"]} == set(oracle)
    ranked = {name: expected.pop(name) for name in ("auc", "average_precision", "eer")}
    same({name: found[name]["value"] for name in ranked}, ranked)
    same(found, expected)
    assert set(found["generators"]) == set(expected["generators"])
    for seed, one in of_seeds.items():
        same({name: found[name]["seeds"][seed] for name in ranked}, {name: one[name] for name in ranked})
        same(
            {name: of["seeds"][seed] for name, of in found["intervals"].items()},
            {name: one[name] for name in found["intervals"]},
        )
        same(found["by_seed"][seed], {name: one[name] for name in found["by_seed"][seed]})
        same({"tpr": found["tpr"]["seeds"][seed]}, {"tpr": one["recall"]})


def test_the_independent_program_imports_nothing_of_the_library() -> None:
    nodes = [
        node for node in ast.walk(ast.parse(SCRIPT.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    modules = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert modules == {"csv", "json", "math", "sys", "numpy", "sklearn"}
