"""What takes long to import is imported where it is used."""

import subprocess
import sys

import pytest

from conftest import ROOT

WITHOUT_COMPILER = """
import sys
from unseen.core.deferred import without_compiler
with without_compiler():
    import timm
assert "torch._dynamo" not in sys.modules, "timm was imported with the compiler"
import torch
model = timm.create_model("tf_efficientnet_lite0", num_classes=1).eval()
assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 1)
with without_compiler():
    from torch._dynamo import reset
reset()
assert torch._dynamo.utils.is_compile_supported("cpu") in (True, False)
align = sys.modules["torchvision.ops.roi_align"]
assert align.is_compile_supported("cpu") == torch._dynamo.utils.is_compile_supported("cpu")
"""

PREPARED = """
import sys, torch
from unseen.core.runtime import prepare
prepare()
assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
assert "torch._dynamo" not in sys.modules, "prepare() imported the compiler"
"""


@pytest.mark.parametrize("program", [WITHOUT_COMPILER, PREPARED], ids=["timm", "prepare"])
def test_nobody_waits_for_the_compiler_and_it_comes_when_asked_for(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(ROOT / "src"), "UNSEEN_DEVICE": "cpu"}, check=False
    )
    assert done.returncode == 0
