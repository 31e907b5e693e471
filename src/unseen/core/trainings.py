"""Trainings from several seeds, one after the other."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from unseen.core.parallel import Parallel
from unseen.core.runtime import Stop

Trained = TypeVar("Trained")


def one_by_one(seeds: Iterable[int], train: Callable[[int], Trained]) -> dict[int, Trained]:
    """Call `train` for each training seed.

    Args:
        seeds: the training seeds.
        train: returns the result of one. It writes a checkpoint at its end, because a later one may be stopped.

    Returns:
        The results by training seed.

    Raises:
        StoppedError: the process received a signal to stop, and there is another seed. The next run resumes from the
            checkpoints.
    """
    parallel = Parallel()
    found: dict[int, Trained] = {}
    with Stop() as stop:
        for seed in seeds:
            if found and parallel.any(stop.signalled):
                if parallel.rank:
                    raise SystemExit(1)  # the first process prints the reason
                raise stop.error(f"training seed {seed}, which has not begun")
            found[seed] = train(seed)
    return found
