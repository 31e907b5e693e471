"""One training on several GPUs, as `torchrun` starts it: each process has the same weights and a part of the batch.

The gradients are averaged by hand and not by a wrapper of the networks: a penalty takes gradients of gradients, for
which a wrapper's hooks are not made.
"""

import atexit
import os
import sys
from collections.abc import Iterable

import torch
from torch import Tensor, distributed, nn

from unseen.core import environment
from unseen.core.errors import UserError


def join() -> None:
    """Make this process one of several that train together, one for each GPU in sight or `UNSEEN_PROCESSES`.

    Where there are to be several and none is started yet, this program is replaced by `torchrun`, which starts it
    again so many times.
    """
    if "LOCAL_RANK" in os.environ:
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        # Both kinds: gradients meet on the GPUs, and whether to stop is settled without asking a GPU.
        distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(distributed.destroy_process_group)
        return
    count = environment.processes() or torch.cuda.device_count()
    if count > 1:
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        os.execv(sys.executable, [sys.executable, *torchrun, *sys.argv])


def synchronised(net: nn.Module) -> nn.Module:
    """A network whose batch norms look at the whole batch; timm's keep the activation that they hold."""
    import timm.layers  # seconds to import, and only several GPUs need it

    converted: nn.Module = timm.layers.convert_sync_batchnorm(net)  # type: ignore[attr-defined,no-untyped-call]
    return converted


class Parallel:
    """This process among those that train together; alone where `torchrun` did not start it."""

    def __init__(self) -> None:
        together = distributed.is_available() and distributed.is_initialized()
        self.rank = distributed.get_rank() if together else 0
        self.count = distributed.get_world_size() if together else 1

    def networks(self, *nets: nn.Module) -> tuple[nn.Module, ...]:
        """The networks, with batch norms that look at the whole batch.

        Raises:
            UserError: that takes GPUs.
        """
        if self.count == 1:
            return nets
        if not any(isinstance(module, nn.BatchNorm2d) for net in nets for module in net.modules()):
            return nets
        if not next(nets[0].parameters()).is_cuda:
            raise UserError("batch norm over several processes needs GPUs; start one process on the CPU")
        return tuple(synchronised(net) for net in nets)

    def part(self, *drawn: Tensor) -> list[Tensor]:
        """This process's rows of what was drawn for the whole batch."""
        return [one.tensor_split(self.count)[self.rank] for one in drawn]

    def slice(self, count: int) -> slice:
        """This process's places among so many: a pair whose halves lie half a batch apart stays together."""
        return slice(self.rank, count, self.count)

    def check(self, batch: int, unit: int = 1) -> None:
        """Every process has as many faces as every other, in groups of so many, or its gradient would weigh too much.

        Raises:
            UserError: the batch can't be shared out.
        """
        each = self.count * unit
        if batch % each:
            raise UserError(
                f"`batch` is {batch}, which {self.count} processes can't share; give a multiple of {each}"
            )

    def any(self, mine: bool) -> bool:
        """Whether it is so in any process: all must stop at one step, or some would wait for the others."""
        if self.count == 1:
            return mine
        flag = torch.tensor(int(mine))
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag)

    def first(self, mine: float) -> float:
        """The first process's number: two GPUs need not agree on the last bit, and all must decide alike by it."""
        if self.count == 1:
            return mine
        number = torch.tensor(mine, dtype=torch.double)
        distributed.broadcast(number, 0)
        return number.item()

    @torch.no_grad()
    def average(self, tensors: Iterable[Tensor | None]) -> None:
        """Replace tensors, such as gradients, by their mean over the processes."""
        if self.count == 1:
            return
        found = [tensor for tensor in tensors if tensor is not None]
        flat = torch.cat([tensor.flatten() for tensor in found])
        distributed.all_reduce(flat)
        means = torch.split(flat / self.count, [tensor.numel() for tensor in found])
        for tensor, mean in zip(found, means, strict=True):
            tensor.copy_(mean.view_as(tensor))
