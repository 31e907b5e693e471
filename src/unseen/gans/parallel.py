"""One training on several GPUs, as `torchrun` starts it: each process has the same weights and a part of the batch.

The gradients are averaged by hand and not by a wrapper of the networks: a penalty takes gradients of gradients, for
which a wrapper's hooks are not made.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, distributed, nn

from unseen.errors import UserError


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
        normed = any(isinstance(module, nn.BatchNorm2d) for net in nets for module in net.modules())
        if normed and not next(nets[0].parameters()).is_cuda:
            raise UserError("batch norm over several processes needs GPUs; start one process on the CPU")
        convert = nn.SyncBatchNorm.convert_sync_batchnorm
        return tuple(convert(net) for net in nets)  # type: ignore[no-untyped-call]

    def part(self, *drawn: Tensor) -> list[Tensor]:
        """This process's rows of what was drawn for the whole batch."""
        return [one.tensor_split(self.count)[self.rank] for one in drawn]

    def check(self, batch: int) -> None:
        """Every process has as many faces as every other, or its gradient would weigh too much.

        Raises:
            UserError: the batch can't be shared out.
        """
        if batch % self.count:
            raise UserError(f"`batch` is {batch}, which {self.count} processes can't share; give a multiple of that")

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
