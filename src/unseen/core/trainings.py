"""Trainings from several seeds, one after the other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from unseen.core.parallel import Parallel
from unseen.core.scratch import Scratch
from unseen.core.stop import Stop

Trained = TypeVar("Trained")


@dataclass(frozen=True)
class Trainings(Generic[Trained]):
    """What was trained once for each training seed.

    Attributes:
        trained: the result of each training, by training seed.
        checkpoints: of the trainings; `clear` removes them.
    """

    trained: dict[int, Trained]
    checkpoints: list[Scratch]

    def clear(self) -> None:
        """Remove the checkpoints, after all outputs are written."""
        for checkpoint in self.checkpoints:
            checkpoint.clear()


def one_by_one(seeds: Iterable[int], train: Callable[[int], tuple[Trained, Scratch]]) -> Trainings[Trained]:
    """Call `train` for each training seed.

    Args:
        seeds: the training seeds.
        train: returns the result of one and its checkpoint, which it writes at its end, because a later one may be
            stopped.

    Raises:
        StoppedError: the process received a signal to stop, and there is another seed. The next run resumes from the
            checkpoints.
    """
    parallel = Parallel()
    trained: dict[int, Trained] = {}
    checkpoints = []
    with Stop() as stop:
        for seed in seeds:
            if trained and parallel.any(stop.signalled):
                if parallel.rank:
                    raise SystemExit(1)  # the first process prints the reason
                raise stop.error(f"training seed {seed}, which has not begun")
            trained[seed], checkpoint = train(seed)
            checkpoints.append(checkpoint)
    return Trainings(trained, checkpoints)
