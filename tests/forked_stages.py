"""DVC whose stages are forks of one process: `python forked_stages.py repro ...` is `dvc repro ...`.

A stage that is a process of its own takes three seconds of CPU time to import PyTorch and what stands on it; most
stages of a small pipeline work for less. Here a process imports these libraries once, and each stage is a fork of it
that runs the script as `__main__`, with the arguments, the folder and the environment that DVC gives. Everything else
is DVC's own. The tests of the graph also run stages without this.
"""

import importlib
import os
import runpy
import shlex
import sys
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

LIBRARIES = ("torch", "timm", "pandas", "sklearn.linear_model", "sklearn.metrics", "scipy.stats")
"""What stages take long to import. ONNX Runtime, and Captum with matplotlib, need variables of a stage."""

MORE = "FORKED_STAGES_IMPORT"
"""An environment variable with further libraries, separated by commas."""


def _next(requests: Connection) -> tuple[str, str, dict[str, str]] | None:
    """Fork for each request. Returns it in the child, and None in the server after the last one."""
    with suppress(EOFError):
        while True:
            request: tuple[str, str, dict[str, str]] = requests.recv()
            if (child := os.fork()) == 0:
                return request
            requests.send(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return None


def _serve(requests: Connection) -> None:
    """Import the libraries; in a fork, run a stage."""
    for name in [*LIBRARIES, *filter(None, os.environ.get(MORE, "").split(","))]:
        importlib.import_module(name)
    request = _next(requests)
    requests.close()
    if request:
        command, folder, environment = request
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        _, script, *arguments = shlex.split(command)
        sys.argv = [script, *arguments]
        sys.path[0] = os.path.dirname(os.path.abspath(script))
        runpy.run_path(script, run_name="__main__")


def main() -> int:
    """Run DVC; returns its exit code."""
    ours, theirs = Pipe()
    if (server := os.fork()) == 0:
        ours.close()
        _serve(theirs)
        sys.exit()
    theirs.close()

    from dvc.cli import main as dvc  # after the fork, which must not have its threads
    from dvc.stage import run as of_stages
    from dvc.stage.exceptions import StageCmdFailedError

    def run(_: str, command: str, *, cwd: str, env: dict[str, str], **__: Any) -> None:
        ours.send((command, cwd, env))
        if code := ours.recv():
            raise StageCmdFailedError(command, code)

    of_stages._run = run
    code = int(dvc(sys.argv[1:]))
    ours.close()
    os.waitpid(server, 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
