"""Shared by all stage scripts: import path, check of params, one-line errors, costs.

No stage depends on this file or on `costs.py`, because they do not change the outputs of a stage. Costs are side
files below metrics/costs that DVC does not track.

Importing this module puts the `src` of this checkout first on the import path. A queued experiment runs in a copy of
its commit, and so it runs that commit's code.
"""

import gc
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

STARTED = time.monotonic()
# Before pyarrow is imported. Its own allocator keeps much memory that was freed: 288 MB in place of 214 MB where
# evaluation faces are selected out of 100,000.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from types import TracebackType  # noqa: E402 - after the import path is set

from unseen.core import streams  # noqa: E402
from unseen.core.shortages import is_of_memory, shortage_of  # noqa: E402


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Handle uncaught exceptions, also during imports.

    Ctrl-C is one line and exit code 130. What the machine lacks is one line and exit code 1.
    """
    name = " ".join([Path(sys.argv[0]).stem.lstrip("_"), *sys.argv[1:]])
    if issubclass(kind, KeyboardInterrupt):
        print(f"{name}: interrupted; run `dvc repro` again to resume", file=sys.stderr, flush=True)
        os._exit(130)  # otherwise Python ends itself by the signal
    elif found := shortage_of(error):
        from unseen.core.errors import printable

        where = f" ({printable(found.file)})" if found.file else ""
        with suppress(OSError):  # no file can be opened
            streams.discard_output()
        streams.report(f"{name}: {found.what}{where}; {found.advice}, then run `dvc repro` again")
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _one_line

# Memory may be short during the following imports.
import hashlib  # noqa: E402
import logging  # noqa: E402
import multiprocessing  # noqa: E402
import subprocess  # noqa: E402
from collections.abc import Callable  # noqa: E402
from contextlib import AbstractContextManager, nullcontext  # noqa: E402

from _lock import other_process  # noqa: E402
from unseen.core.errors import UserError  # noqa: E402
from unseen.core.instructions import limit_to_avx2  # noqa: E402
from unseen.core.leaving import leave  # noqa: E402

if multiprocessing.current_process().name == "MainProcess":
    # Imports create many objects but no garbage, and collection takes a sixth of their time. `run` enables it.
    # A process for preprocessing also imports this file, but does not call `run`.
    gc.disable()

PARAMS = Path("params.yaml")
SCRATCH = Path(".scratch")
COSTS = Path("metrics/costs")
LOCK = Path("dvc.lock")

with suppress(UserError):  # `check_params` reports it
    limit_to_avx2()

# Matplotlib writes its font cache here instead of to the user's home.
os.environ.setdefault("MPLCONFIGDIR", str(SCRATCH.absolute() / "matplotlib"))
logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns if it can't write its cache, and works without


def _state_of_check() -> str:
    """A hash of everything that the check of params depends on: the file, code, packages and environment."""
    from unseen.core.environment import PREFIX

    state = hashlib.sha256()
    for file in [PARAMS, *sorted((ROOT / "src").rglob("*.py"))]:
        state.update(hashlib.sha256(file.read_bytes() if file.is_file() else b"").digest())
    packages = [os.stat(folder).st_mtime_ns for folder in sys.path if folder.endswith("-packages")]
    variables = sorted(item for item in os.environ.items() if item[0].startswith(PREFIX))
    state.update(repr((sys.version, packages, variables)).encode())
    return state.hexdigest()


def check_params() -> None:
    """Check the complete params file, not only the block of this stage; exit if it is not valid.

    The check runs in another process and does not change the outputs of a stage, so the settings of other stages are
    not dependencies of this one. An unchanged file is not checked again by the next stage.
    """
    checked, state = SCRATCH / "checked_params", _state_of_check()
    if checked.is_file() and checked.read_text(encoding="utf-8") == state:
        return
    done = subprocess.run(
        [sys.executable, str(ROOT / "stages/_check.py"), str(PARAMS)],
        check=False,
        start_new_session=True,  # this process handles Ctrl-C
    )
    if done.returncode:
        sys.exit(done.returncode)
    from unseen.core.files import atomic_file

    with atomic_file(checked) as part:
        part.write_text(state, encoding="utf-8")


def training_seeds() -> list[int]:
    """The training seeds of params."""
    from unseen.core.settings import read_block
    from unseen.core.training_seeds import training_seeds

    return training_seeds(*(read_block(PARAMS, [key], int) for key in ("seed", "training_seeds")))


def print_number(name: str, items: list[str]) -> AbstractContextManager[object]:
    """Print the number of this stage, in another process while params are checked."""
    if os.environ.get("RANK", "0") != "0":
        return nullcontext()
    # It reports nothing: what is wrong also ends the stage, which says it.
    return subprocess.Popen([sys.executable, str(ROOT / "stages/_plan.py"), name, *items], stderr=subprocess.DEVNULL)


def check_alone(title: str) -> None:
    """Exit with one line if another process runs this stage. Only process 0 of a distributed training checks."""
    if os.environ.get("RANK", "0") == "0" and (process := other_process(SCRATCH / "locks", title)):
        todo = "wait for its end or stop it, then run `dvc repro` again"
        print(f"{title}: process {process} runs this stage already; {todo}", file=sys.stderr)
        sys.exit(1)


def keep_lock() -> None:
    """Copy dvc.lock to .scratch, for `unseen doctor --cache --repair`.

    DVC does not write this file by rename. A kill while it writes leaves an empty file.
    """
    from unseen.core.files import atomic_file

    if os.environ.get("RANK", "0") == "0" and LOCK.is_file() and LOCK.stat().st_size:
        with (
            suppress(OSError),
            atomic_file(SCRATCH / LOCK) as part,
        ):  # the stage reports a full disk if it can't write
            part.write_bytes(LOCK.read_bytes())


def run(work: Callable[..., None], cost: bool = True) -> None:
    """Call `work` with the script's arguments. An error that the user can fix becomes one line and exit code 1.

    Afterwards the costs are written to `metrics/costs/STAGE/ARGUMENTS.json`, unless `cost` is false.
    """
    from unseen.costs import Cost

    gc.enable()
    streams.escape_unencodable()

    name, items = Path(sys.argv[0]).stem, sys.argv[1:]
    check_alone(" ".join([name, *items]))
    keep_lock()
    with print_number(name, items):
        if name in ("download", "folder"):  # the check looks at local files, which these stages read
            (SCRATCH / "checked_params").unlink(missing_ok=True)
        check_params()
    try:
        meter = Cost(STARTED)
        work(*items)
        if cost and os.environ.get("RANK", "0") == "0":  # process 0 of a distributed training
            meter.write(COSTS, name, items)
        sys.stdout.flush()
    except UserError as error:
        cause = error.__cause__ or error.__context__
        if cause and is_of_memory(cause):  # its message takes that for a damaged file
            raise cause from None
        print(f"{' '.join([name, *items])}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    script = getattr(sys.modules["__main__"], "__file__", None)
    if script and Path(script).resolve().parent == ROOT / "stages":  # not in a test's own process
        leave(0)
