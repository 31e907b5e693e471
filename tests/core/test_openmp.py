import os
import subprocess
import sys

import pytest

from conftest import ROOT
from unseen.core import openmp


@pytest.mark.parametrize(
    ("chosen", "spins"),
    [({}, openmp.SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_importing_the_package_limits_active_wait_unless_the_user_has_chosen(
    chosen: dict[str, str], spins: str
) -> None:
    own = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    program = "import unseen, os, sys; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={**own, "PYTHONPATH": str(ROOT / "src"), **chosen},
    )
    assert done.stdout.split() == [spins, "False"]  # torch reads the variable when it is loaded
