"""Run GitHub workflows on this machine: `python benchmarks/workflows.py .github/workflows/ci.yml --job reproduce`.

Each job runs in a new folder: a fresh clone of HEAD, a home of its own, and only the environment variables that a
hosted runner has. `run:` steps run as on a runner. Checkout, setup-python, cache and upload-artifact have
equivalents; other actions are reported as not run. Jobs run one after the other on this machine, whatever `runs-on`
says. Exit code 1 if a step failed.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from workflow_actions import ROOT, Job, NotRunError, filled, runs, use

PATH = "/usr/local/bin:/usr/bin:/bin"


def new_job(name: str, folder: Path, arguments: argparse.Namespace, defaults: Mapping[str, Any]) -> Job:
    """A job in an empty folder, with the environment of a runner.

    Args:
        name: name of the job.
        folder: its folder; it must not exist.
        arguments: the command line.
        defaults: default values of the inputs.
    """
    for part in ("home", "temp"):
        (folder / part).mkdir(parents=True)
    files = {name: str(folder / "temp" / name) for name in ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")}
    for file in files.values():
        Path(file).touch()
    env = {
        **{name: os.environ[name] for name in getattr(arguments, "pass") if name in os.environ},
        **files,
        "PATH": PATH,
        "HOME": str(folder / "home"),
        "LANG": "C.UTF-8",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(folder / "checkout"),
        "RUNNER_OS": "Linux",
        "RUNNER_TEMP": str(folder / "temp"),
    }
    contexts = {
        "github": {"ref": "refs/heads/main", "workspace": str(folder / "checkout")},
        "runner": {"os": "Linux", "temp": str(folder / "temp")},
        "inputs": {**{key: str(value) for key, value in defaults.items()}, **dict(arguments.input)},
        "secrets": dict(arguments.secret),
    }
    return Job(name, folder, arguments.folder / "caches", contexts, env, packages=arguments.packages)


def run_script(step: Mapping[str, Any], job: Job, seconds: float, log: Path) -> str:
    """Run a `run:` step as a runner does. Returns an empty text, or why it failed."""
    script = job.folder / "temp/step.sh"
    script.write_text(filled(step["run"], job), encoding="utf-8")
    env = job.env | {key: filled(str(value), job) for key, value in step.get("env", {}).items()}
    cwd = job.checkout if job.checkout.exists() else job.folder
    with log.open("ab") as file:
        started = subprocess.Popen(
            ["bash", "-e", str(script)],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = started.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
            return "the time of the job is over"
    for line in Path(job.env["GITHUB_ENV"]).read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        job.env[name] = value
    for line in Path(job.env["GITHUB_PATH"]).read_text(encoding="utf-8").splitlines():
        if line not in job.env["PATH"].split(":"):
            job.env["PATH"] = f"{line}:{job.env['PATH']}"
    return f"exit code {code}; see {log}" if code else ""


def run_step(step: Mapping[str, Any], job: Job, left: float, instead: Mapping[str, str]) -> dict[str, str]:
    """Run a step. Returns its outcome (`ok`, `failed`, `replaced`, `skipped`, `not run`) and a detail."""
    try:
        if not runs(str(step.get("if", "")), job):
            return {"outcome": "skipped", "detail": f"if: {step['if']}" if "if" in step else "an earlier step failed"}
        if "uses" in step:
            return {"outcome": "ok", "detail": use(step, job)}
        other = instead.get(step["run"].strip())
        if other == "":
            raise NotRunError("--skip")
        why = run_script({**step, "run": other or step["run"]}, job, left, job.folder / "log.txt")
        if other and not why:
            return {"outcome": "replaced", "detail": other}
    except NotRunError as error:
        return {"outcome": "not run", "detail": str(error)}
    except subprocess.CalledProcessError as error:
        why = str(error)
    job.failed |= bool(why)
    return {"outcome": "failed" if why else "ok", "detail": why}


def cpu_seconds() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def run_job(
    name: str, settings: Mapping[str, Any], job: Job, instead: Mapping[str, str], slower: float, clean: bool
) -> list[dict[str, Any]]:
    """Run the steps of a job in order and print a line for each. With `clean`, only its log and artifacts remain."""
    job.env |= {key: filled(str(value), job) for key, value in settings.get("env", {}).items()}
    end = time.monotonic() + 60 * slower * settings.get("timeout-minutes", 360)
    rows = []
    for step in settings["steps"]:
        cpu = cpu_seconds()
        title = step.get("name") or step.get("uses", "").partition("@")[0] or step["run"].splitlines()[0]
        start = time.monotonic()
        found = run_step(step, job, max(end - start, 0.1), instead)
        rows.append({"job": name, "step": title, **found, "seconds": round(time.monotonic() - start, 1)})
        rows[-1]["cpu_seconds"] = round(cpu_seconds() - cpu, 1)
        times = f"{rows[-1]['seconds']:.1f} s, CPU {rows[-1]['cpu_seconds']:.1f} s"
        print(f"{name}  {title}  {found['outcome']}  {times}  {found['detail']}", flush=True)
    if not job.failed:
        for store in job.after:
            store()
    if clean:
        for folder in (job.checkout, job.folder / "home", job.folder / "temp"):
            shutil.rmtree(folder, ignore_errors=True)
    return rows


def _pair(text: str) -> tuple[str, str]:
    name, equal, value = text.partition("=")
    if not equal:
        raise argparse.ArgumentTypeError("NAME=VALUE is needed")
    return name, value


def main() -> int:
    """Run the workflows of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workflows", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--job", action="append", default=[], help="run only this job; may be repeated")
    parser.add_argument("--skip", action="append", default=[], metavar="COMMAND", help="a `run:` not to run")
    parser.add_argument("--instead", action="append", nargs=2, default=[], metavar=("COMMAND", "OTHER"))
    parser.add_argument("--folder", type=Path, help="folder of jobs and caches; default: a new one below /tmp")
    parser.add_argument("--input", action="append", type=_pair, default=[], metavar="NAME=VALUE")
    parser.add_argument("--secret", action="append", type=_pair, default=[], metavar="NAME=VALUE")
    parser.add_argument(
        "--pass", action="append", default=[], metavar="NAME", help="a variable of this shell to keep"
    )
    parser.add_argument("--slower", type=float, default=1.0, metavar="FACTOR", help="multiplies the time of a job")
    parser.add_argument(
        "--packages", type=Path, metavar="VENV", help="install nothing; take the packages of this environment"
    )
    parser.add_argument("--clean", action="store_true", help="remove a job's checkout and home when it has ended")
    parser.add_argument("--json", type=Path, help="file for the outcome of each step")
    arguments = parser.parse_args()
    arguments.packages = arguments.packages and arguments.packages.resolve()
    arguments.folder = (arguments.folder or Path(tempfile.mkdtemp(prefix="workflows-"))).resolve()
    (arguments.folder / "caches").mkdir(parents=True, exist_ok=True)
    instead = dict.fromkeys(arguments.skip, "") | dict(arguments.instead)
    rows = []
    for file in arguments.workflows:
        workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
        triggers = workflow[True]  # YAML 1.1 reads the key `on` so
        inputs = (triggers.get("workflow_dispatch") or {}).get("inputs", {}) if isinstance(triggers, dict) else {}
        defaults = {name: one.get("default", "") for name, one in inputs.items()}
        for name, settings in workflow["jobs"].items():
            if not arguments.job or name in arguments.job:
                folder = Path(tempfile.mkdtemp(prefix=f"{file.stem}-{name}-", dir=arguments.folder))
                job = new_job(name, folder, arguments, defaults)
                rows += run_job(name, settings, job, instead, arguments.slower, arguments.clean)
    if arguments.json:
        arguments.json.write_text(json.dumps({"root": ROOT.name, "steps": rows}, indent=1) + "\n", encoding="utf-8")
    return 1 if any(row["outcome"] == "failed" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
