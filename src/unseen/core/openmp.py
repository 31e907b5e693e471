"""How long OpenMP threads wait actively, set before PyTorch is imported.

`import unseen` does this. A value that the user has set is kept.
"""

import os

SPINS = "20000"
"""Turns of the loop in which a thread of GNU OpenMP waits for its next work before it sleeps; by default 300,000.

On a busy machine a waiting thread takes the core away from the thread that it waits for. With 11 other processes on
2 cores, a step of the default DCGAN on 2 threads took 1,500 to 1,700 ms of CPU time and 4.3 s by default, and 300 ms
and 0.7 s with 1,000 turns. On 2 idle cores such a step took 33 ms with 20,000 turns, 34 to 44 ms by default, and 42
to 56 ms with 1,000 turns, because threads slept too early.
"""


def limit_active_wait() -> None:
    """Set `GOMP_SPINCOUNT`, if the user has chosen neither it nor `OMP_WAIT_POLICY`. Changes no result."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
