"""Ray: a session of this process on this machine, or a cluster that runs already.

A session of its own sends no usage statistics, has no dashboard, and its sockets are bound to 127.0.0.1.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from unseen.core.errors import UserError
from unseen.core.telemetry import OFF
from unseen.params.extras import pip_command

MEMORY = 200 * 2**20
"""Bytes of Ray's object store besides the detector: batches are names, and rows are small."""

STARTS = 3
"""Ray gives up after 30 s when a busy machine is slow to start its processes."""


def check_installed() -> None:
    """Check that Ray is installed, without importing it.

    Raises:
        UserError: it is not.
    """
    if find_spec("ray") is None:
        raise UserError(f"`unseen bulk` needs Ray: {pip_command(['bulk'], Path())}")


@contextmanager
def session(cpus: int, address: str | None = None, stored: int = 0) -> Iterator[Any]:
    """Connect to Ray, and disconnect at the end. A session that the process has already is used, and stays.

    Args:
        cpus: of a session of its own; it may be more than the machine has.
        address: of a cluster; None for a session of its own on this machine.
        stored: bytes that all workers read, such as a detector.

    Yields:
        The module `ray`.

    Raises:
        UserError: Ray could not be started, or the cluster does not answer.
    """
    check_installed()
    os.environ.update({"RAY_USAGE_STATS_ENABLED": OFF["RAY_USAGE_STATS_ENABLED"]})
    if address is None:
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray's default, without its line about it
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # on Linux too: 127.0.0.1 is the address of this node
    import ray

    if ray.is_initialized():
        yield ray
        return
    scratch = None if address else Path(tempfile.mkdtemp(prefix="unseen-"))
    try:
        _quiet()
        _connect(ray, cpus, address, stored + MEMORY, scratch)
        yield ray
    finally:
        ray.shutdown()
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)


def _connect(ray: Any, cpus: int, address: str | None, memory: int, scratch: Path | None) -> None:
    shared = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        try:
            ray.init(address, **shared)
        except Exception as error:  # Ray raises many types
            raise UserError(f"{address}: no Ray cluster answers: {str(error).splitlines()[0]}") from None
        return
    for attempt in range(1, STARTS + 1):
        try:
            ray.init(
                "local",
                num_cpus=cpus,
                include_dashboard=False,
                object_store_memory=memory,
                _node_ip_address="127.0.0.1",
                _temp_dir=str(scratch),
                **shared,
            )
            return
        except Exception as error:  # Ray raises Exception itself
            ray.shutdown()
            if attempt == STARTS:
                raise UserError(f"Ray did not start: {str(error).splitlines()[0]}") from None


def _quiet() -> None:
    """Keep Ray from printing a paragraph on stdout for each worker that dies: the output has a row for it."""
    from ray._private import worker

    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = lambda *_, **__: None
