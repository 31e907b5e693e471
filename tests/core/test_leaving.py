"""The end of a process."""

import subprocess
import sys

from conftest import ROOT

PROGRAM = """
import atexit, sys
sys.path.insert(0, {src!r})
from unseen.core.leaving import leave
class Slow:
    def __del__(self):
        print("teardown")
slow = Slow()
atexit.register(print, "exit handler")
print("work")
leave(3)
"""


def test_exit_handlers_are_called_and_objects_are_not_freed() -> None:
    program = PROGRAM.format(src=str(ROOT / "src"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "work\nexit handler\n", "")
