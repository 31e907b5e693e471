"""The line that each stage starts with: which of how many, in DVC's own order."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo
from dvc.repo.reproduce import plan_repro

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "stages"))

import _plan  # noqa: E402

FILES = [ROOT / "params.yaml", ROOT / "experiments/best.yaml", ROOT / "experiments/leave_one_out_corpora.yaml"]
"""The default; one with autoencoders and twins; and one that leaves generators out."""


def dvc_order(folder: Path) -> list[str]:
    """The commands of all stages as `dvc repro` runs them."""
    repo = Repo.init(str(folder), no_scm=True)
    return [stage.cmd for stage in plan_repro(repo.index.graph, repo.stage.collect(str(folder / "dvc.yaml")))]


def ours(folder: Path) -> list[str]:
    graph, params = (yaml.safe_load((folder / name).read_text()) for name in ("dvc.yaml", "params.yaml"))
    return [step.command for step in _plan.ordered(_plan.steps(graph, params))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_order_is_that_of_dvc(path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path / "params.yaml")
    shutil.copy(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    expected = dvc_order(tmp_path)
    assert len(expected) > 20
    assert ours(tmp_path) == expected
    for place in (1, len(expected) // 2, len(expected)):
        _, script, *items = expected[place - 1].split()
        assert _plan.line(tmp_path / "dvc.yaml", tmp_path / "params.yaml", Path(script).stem, items) == (
            f"[{place} of {len(expected)}] {' '.join([Path(script).stem, *items])}"
        )


def commands(params: dict[str, Any]) -> set[str]:
    return {step.command for step in _plan.steps(yaml.safe_load((ROOT / "dvc.yaml").read_text()), params)}


def test_an_ensemble_is_one_stage_and_the_default_has_none() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    before = commands(params)
    assert not [command for command in before if "ensemble" in command]
    members = dict.fromkeys(params["detectors"], 1.0)
    more = commands({**params, "ensembles": {"every": {"members": members}}})
    assert more - before == {"python stages/ensemble.py every"}


def test_one_detector_more_scores_one_detector_more() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    before = commands(params)
    detectors = {**params["detectors"], "another": params["detectors"]["dct_logistic"]}
    own = ("train_detector", "gate", "score", "evaluate", "robustness", "explain", "speed")
    expected = {f"python stages/{stage}.py another" for stage in own}
    assert commands({**params, "detectors": detectors}) - before == expected


def test_leaving_generators_out_is_a_stage_for_each_and_the_default_has_none() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    before = commands(params)
    assert not [command for command in before if "leave_one_out" in command]
    block = {"detectors": ["dct_logistic", "efficientnet_lite0"], "generators": ["dcgan", "Swap-2.1"]}
    more = commands({**params, "leave_one_out": block}) - before
    assert more == {
        *(
            f"python stages/leave_one_out.py {one} {other}"
            for one in block["detectors"]
            for other in block["generators"]
        ),
        *(f"python stages/leave_one_out_matrix.py {one}" for one in block["detectors"]),
    }
    # a third generator trains each detector once more
    third = {**block, "generators": [*block["generators"], "third"]}
    assert commands({**params, "leave_one_out": third}) - before - more == {
        f"python stages/leave_one_out.py {one} third" for one in block["detectors"]
    }


GRAPHS: dict[str, dict[str, Any]] = {
    "a list": {"a": {"foreach": ["x", "y"], "do": {"cmd": "python stages/a.py ${item}", "outs": ["${item}.txt"]}}},
    "a block of params": {
        "last": {"cmd": "python stages/last.py", "deps": ["o"]},
        "a": {"foreach": "${deep.block}", "do": {"cmd": "python stages/a.py ${key} ${item.n}", "outs": ["o/${key}"]}},
    },
    "a matrix of a list, a list of params and a block": {
        "m": {
            "matrix": {"one": [1, 2], "two": "${names}", "three": "${deep.block}"},
            "cmd": "python stages/m.py ${item.one} ${item.two} ${item.three}",
            "deps": ["in/${item.two}/file"],
        },
        "a": {"foreach": "${names}", "do": {"cmd": "python stages/a.py ${item}", "outs": [{"in/${item}": {}}]}},
    },
    "no items": {
        "a": {"foreach": "${empty}", "do": {"cmd": "python stages/a.py ${key}"}},
        "b": {"matrix": {"x": "${empty}", "y": [1]}, "cmd": "python stages/b.py ${item.x}"},
        "c": {"cmd": "python stages/c.py"},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_every_form_of_foreach_and_matrix(name: str, tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": GRAPHS[name]}, sort_keys=False))
    params = {"names": ["p", "q"], "empty": {}, "deep": {"block": {"k": {"n": 1}, "l": {"n": 2}}}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    assert ours(tmp_path) == dvc_order(tmp_path)


def test_without_a_place_in_the_graph_there_is_no_number(tmp_path: Path) -> None:
    params = ROOT / "params.yaml"
    assert _plan.line(ROOT / "dvc.yaml", params, "train_gan", ["none_such"]) == "train_gan none_such"
    assert _plan.line(ROOT / "dvc.yaml", tmp_path / "gone.yaml", "train_gan", ["dcgan"]) == "train_gan dcgan"
    (tmp_path / "params.yaml").write_text("gans: [")
    assert _plan.line(ROOT / "dvc.yaml", tmp_path / "params.yaml", "train_gan", ["dcgan"]) == "train_gan dcgan"


def stage(folder: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A stage script as DVC runs it."""
    return subprocess.run(
        [sys.executable, str(ROOT / "stages" / words[0]), *words[1:]],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stage_says_which_it_is(tmp_path: Path) -> None:
    """Also one that fails, before it says why; of processes that train together the first alone."""
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    done = stage(tmp_path, "gate.py", "dct_logistic")  # it does not import PyTorch
    assert done.returncode == 1
    assert re.fullmatch(r"\[\d+ of \d+\] gate dct_logistic\n", done.stdout)
    assert stage(tmp_path, "gate.py", "dct_logistic", RANK="1").stdout == ""


def test_it_imports_nothing_heavy() -> None:
    asks = (
        "import sys, _plan; sys.exit(sum(n in sys.modules for n in ('dvc', 'pydantic', 'torch', 'numpy', 'unseen')))"
    )
    done = subprocess.run([sys.executable, "-c", asks], env={"PYTHONPATH": str(ROOT / "stages")}, check=False)
    assert done.returncode == 0
