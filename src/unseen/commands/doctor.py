"""`unseen doctor`: what this machine has, and what is missing for a params file."""

import argparse
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from unseen.commands.parsers import Commands, add_command
from unseen.commands.words import columns, count, shown
from unseen.core.errors import UserError
from unseen.serve.detector_folders import DETECTORS

if TYPE_CHECKING:
    from unseen.params.check import Params

PARAMS = Path("params.yaml")

HELP = """\
Print facts about this machine: Python, PyTorch, device, threads, instruction set, optional packages, connections,
disk and detectors. Then print one line for each thing that a run of the params file needs and that is missing.

One request without data is sent to the model hub, with a timeout of 3 s; --offline disables it. The command checks
whether credentials exist, but never prints or uses them.

With --cache, every object of DVC's cache is compared with its hash instead, since DVC trusts read-only objects. Use
it after a power cut, or if a disk may be damaged. --repair restores damaged objects from the workspace and deletes
those that it can't restore; `dvc repro` then makes them again.
"""

EXIT = """\
exit codes:
  0  nothing that the params file needs is missing; with --cache: nothing is damaged, or all of it is repaired
  1  something is missing or damaged: the last lines say what to do
  2  could not start: the params file is missing
"""

WIDTH = 100
"""Maximum width of a line of facts, in characters."""


def _params(path: Path) -> "tuple[Params | None, list[str], str]":
    """Return the params, their problems, and a text for the screen. Without a params.yaml, nothing is needed.

    Raises:
        UserError: a params file other than params.yaml is missing.
    """
    from unseen.params.check import checked

    if path == PARAMS and not path.exists():
        return None, [], "no params.yaml in this folder; only the machine is checked"
    found = checked(path)
    state = f"{count(len(found.problems), 'problem')}" if found.problems else "valid"
    return found.params, found.problems, f"{shown(str(path))}: {state}"


def _extras(params: "Params | None", project: Path) -> Iterator[tuple[str, str, str]]:
    """Yield for each extra its name, a text for the screen, and the problem if the params need it and it is
    missing."""
    from unseen.params.extras import EXTRAS, needed, pip_command

    wanted = needed(params) if params else {}
    for name, extra in EXTRAS.items():
        if not extra.missing():
            yield name, "", ""
            continue
        how = pip_command([name], project)
        problem = f"`{wanted[name]}` needs the extra `{name}`; `{how}`" if name in wanted else ""
        yield name, f"missing {name} ({extra.use}): {how}", problem


def _detectors() -> str:
    names = sorted(path.parent.name for path in DETECTORS.glob("*/detector.json"))
    if not names:
        return f"none below {DETECTORS}; `dvc repro` trains them"
    text = ", ".join(names)
    return shown(text if len(text) <= WIDTH else f"{len(names)}: {text[: WIDTH - 10]}...")


def run(arguments: argparse.Namespace) -> int:
    """Print the facts and the problems. Return 0 if nothing that the params need is missing, otherwise 1."""
    if arguments.repair and not arguments.cache:
        raise UserError("--repair needs --cache")
    if arguments.cache:
        return _cache(arguments.repair)
    with ThreadPoolExecutor() as threads:  # both wait, for another process and for the network
        from unseen.commands.connections import reach_hub
        from unseen.commands.machine import find_device

        device, hub = threads.submit(find_device), threads.submit(reach_hub, arguments.offline)
        params, problems, params_text = _params(arguments.params)
        facts, found = _facts(params, params_text, Path())
        device_found, (responds, hub_text) = device.result(), hub.result()
    missing = _unreachable(params, responds, hub_text)
    if params and responds is False and not missing:
        hub_text += "; the params file needs neither"
    rows = [
        (label, device_found.text if label == "device" else hub_text if label == "model hub" else text)
        for label, text in facts
    ]
    problems += [*found, *filter(None, [device_found.problem]), *missing]
    for line in columns(rows):
        print(shown(line))
    if problems:
        print(f"\n{count(len(problems), 'problem')}:")
        for line in dict.fromkeys(problems):
            print(f"- {shown(line)}")
    else:
        print("\nNothing is missing." if params is None else "\nNothing that the params file needs is missing.")
    return 1 if problems else 0


def _cache(repair: bool) -> int:
    """Print what is damaged in DVC's cache. Return 0 if nothing is, or if all of it was repaired, otherwise 1."""
    from unseen.commands.dvc_cache import check_cache

    found = check_cache(Path(), repair)
    for line in found.lines:
        print(shown(line))
    read = f"{count(found.objects, 'object')} of the DVC cache read"
    if not found.lines:
        print(f"{read}; none is damaged")
    elif found.unrepaired:
        print(f"{read}; run `unseen doctor --cache --repair` while no dvc command runs, then `dvc repro`")
    else:
        print(f"{read}; run `dvc repro`")
    return 1 if found.unrepaired else 0


def _disk_text(need: float) -> str:
    """Describe an estimate of disk space in bytes."""
    if not need:
        return "a run needs little more"
    amount = f"{need / 1e9:.1f} GB" if need >= 1e9 else f"{max(1, round(need / 1e6))} MB"
    return f"a run needs about {amount} more"


def _kaggle(params: "Params | None") -> str:
    """Describe whether credentials of Kaggle exist."""
    from unseen.sources.kinds.kaggle import has_credentials

    if has_credentials():
        return "credentials found, not checked"
    needed = params is None or any(archive.kind == "kaggle" for archive in params.archives.values())
    return "no credentials" + ("" if needed else "; the params file needs none")


def _unreachable(params: "Params | None", responds: bool | None, text: str) -> list[str]:
    """Report a problem if the hub does not respond and a run would download a model from it."""
    from unseen.params.availability import to_fetch

    models = [name for name in to_fetch(params, Path()) if name.startswith("hub/")] if params else []
    if responds is not False or not models:
        return []
    return [f"{models[0]} must be downloaded, but {text}; connect, or replace `repo` with `folder`, a local copy"]


def _facts(params: "Params | None", params_text: str, project: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Return label and text of each fact, and the problems. The texts of `device` and `model hub` are filled in
    later."""
    from unseen.commands import machine
    from unseen.commands.connections import dvc_remote
    from unseen.core.environment import variable_problems
    from unseen.params.availability import disk_need, problems

    found = [*(problems(params, project) if params else ()), *variable_problems()]
    extras = list(_extras(params, project))
    found += [problem for _, _, problem in extras if problem]
    try:
        threads, instructions = machine.threads_line(), machine.instructions_line()
    except UserError:
        threads = instructions = "unknown: an environment variable is not valid"  # one of the problems
    build = machine.torch_build()
    accelerators = [f"{kind} {build[kind]}" for kind in ("cuda", "hip", "xpu") if kind in build]
    need = f"; {_disk_text(disk_need(params, project))}" if params else ""
    present = ", ".join(name for name, missing, _ in extras if not missing) or "none"
    facts = [
        ("Python", machine.python_line()),
        ("unseen", machine.installed("unseen") or "from a checkout, not installed"),
        ("PyTorch", f"{build.get('version', 'missing')} ({', '.join(accelerators) or 'CPU'} build)"),
        ("device", ""),
        ("threads", threads),
        ("instructions", instructions),
        ("extras", present),
        *(("", missing) for _, missing, _ in extras if missing),
        ("model hub", ""),
        ("Kaggle", _kaggle(params)),
        ("DVC", f"{machine.installed('dvc') or 'missing'}, {dvc_remote(project)}"),
        ("disk", f"{shutil.disk_usage(project).free / 1e9:.1f} GB free{need}"),
        ("detectors", _detectors()),
        ("params", params_text),
    ]
    return facts, found


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "doctor", run, "print what this machine has and what is missing", HELP, EXIT)
    parser.add_argument("params", nargs="?", type=Path, default=PARAMS, help="default: %(default)s")
    parser.add_argument("--cache", action="store_true", help="compare each object of DVC's cache with its hash")
    parser.add_argument("--repair", action="store_true", help="with --cache: restore or delete damaged objects")
    parser.add_argument("--offline", action="store_true", help="send no request to the model hub")
