"""Freed memory that glibc keeps for the next block."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from unseen.core.freed_memory import reuse_blocks
reuse_blocks()
for _ in range(3):
    bytearray(b"1" * 5_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    bytearray(b"1" * 5_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(tuning: str) -> int:
    """Page faults of 20 blocks of the size of a decoded picture, in a process of its own."""
    environment = {**os.environ, "UNSEEN_MEMORY_TUNING": tuning}
    return int(
        subprocess.run([sys.executable, "-c", FAULTS], env=environment, check=True, capture_output=True).stdout
    )


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_blocks_are_reused_unless_that_is_turned_off() -> None:
    assert faults("1") < 200
    assert faults("0") > 2000
