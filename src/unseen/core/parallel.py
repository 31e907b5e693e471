"""Distributed training with `torchrun`: each process has the same weights and a part of the batch.

`Parallel.average` averages the gradients. `DistributedDataParallel` is not used, because its hooks do not support
penalties on gradients (double backward).
"""

import atexit
import hashlib
import os
import sys
from collections.abc import Iterable

import torch
from torch import Tensor, distributed, nn

from unseen.core import environment
from unseen.core.errors import UserError


def start_processes() -> None:
    """Start distributed training: one process for each visible GPU, or as many as `UNSEEN_PROCESSES`.

    If there are to be several, `torchrun` replaces this program and starts it once for each process. In a process
    that `torchrun` has started, this joins the process group.
    """
    if "LOCAL_RANK" in os.environ:
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        # Both backends: gradients are averaged on GPUs, and the decision to stop is shared without a GPU.
        distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(distributed.destroy_process_group)
        return
    count = environment.processes() or torch.cuda.device_count()
    if count > 1:
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        os.execv(sys.executable, [sys.executable, *torchrun, *sys.argv])


def synchronised(net: nn.Module) -> nn.Module:
    """Convert batch norm to synchronised batch norm. timm's function also keeps the activation in timm's layers."""
    import timm.layers  # takes seconds to import and is needed only with several GPUs

    converted: nn.Module = timm.layers.convert_sync_batchnorm(net)  # type: ignore[attr-defined,no-untyped-call]
    return converted


class Parallel:
    """Rank and number of the processes of a distributed training; 0 and 1 without `torchrun`."""

    def __init__(self) -> None:
        several = distributed.is_available() and distributed.is_initialized()
        self.rank = distributed.get_rank() if several else 0
        self.count = distributed.get_world_size() if several else 1

    def networks(self, *nets: nn.Module) -> tuple[nn.Module, ...]:
        """The networks, with batch norm over the batches of all processes.

        Raises:
            UserError: the networks have batch norm and are on the CPU.
        """
        if self.count == 1:
            return nets
        if not any(isinstance(module, nn.BatchNorm2d) for net in nets for module in net.modules()):
            return nets
        if not next(nets[0].parameters()).is_cuda:
            raise UserError("batch norm over several processes needs GPUs; set UNSEEN_PROCESSES=1 on the CPU")
        return tuple(synchronised(net) for net in nets)

    def part(self, *drawn: Tensor) -> list[Tensor]:
        """This process's rows of tensors that were drawn for the batch of all processes."""
        return [one.tensor_split(self.count)[self.rank] for one in drawn]

    def slice(self, count: int) -> slice:
        """This process's positions out of `count`, with a stride.

        The two images of a pair, half a batch apart, belong to the same process.
        """
        return slice(self.rank, count, self.count)

    def check(self, batch: int, unit: int = 1) -> None:
        """Check that all processes get the same number of faces, a multiple of `unit`: gradients have equal weights.

        Raises:
            UserError: the batch size is not a multiple of processes x `unit`.
        """
        each = self.count * unit
        if batch % each:
            raise UserError(
                f"`batch` is {batch}, which can't be divided among {self.count} processes; give a multiple of {each}"
            )

    def check_same(self, *mine: object) -> None:
        """Check that `mine` is the same in all processes, for instance the step from which each of them goes on.

        Processes in separate folders would otherwise average gradients of different steps, without any error.

        Raises:
            UserError: it differs; in every process, so that none waits for another.
        """
        if self.count == 1:
            return
        number = int.from_bytes(hashlib.sha256(repr(mine).encode()).digest()[:7], "big")
        most = torch.tensor([number, -number])
        distributed.all_reduce(most, distributed.ReduceOp.MAX)
        if most[0] != -most[1]:
            raise UserError(
                "the processes of this training differ in code, params, data, threads or checkpoint; start all of "
                "them in one shared folder, on the same kind of machine"
            )

    def any(self, mine: bool) -> bool:
        """Whether `mine` is true in any process. All must stop at the same step, or some would wait forever."""
        if self.count == 1:
            return mine
        flag = torch.tensor(int(mine))
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag)

    def first(self, mine: float) -> float:
        """The number of process 0. GPUs may differ in the last bit, and all processes must take the same decision."""
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
