"""Connect to Ray: a local session that this process starts, or a running cluster.

A local session sends no usage statistics, has no dashboard, and binds its sockets to 127.0.0.1.
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
"""Bytes of Ray's object store in addition to the detector. Batches contain only names, and rows are small."""

STARTS = 3
"""Start timeout. Ray's default of 30 s is too short on a busy machine."""


def check_installed() -> None:
    """Check that Ray is installed, without importing it.

    Raises:
        UserError: it is not.
    """
    if find_spec("ray") is None:
        raise UserError(f"`unseen bulk` needs Ray: {pip_command(['bulk'], Path())}")


@contextmanager
def session(cpus: int, address: str | None = None, stored: int = 0) -> Iterator[Any]:
    """Connect to Ray, and disconnect at the end. If the process is already connected, this connection is used and
    kept.

    Args:
        cpus: number of CPUs of a local session; it may exceed that of the machine.
        address: address of a cluster; None for a local session.
        stored: bytes that all workers read, such as a detector.

    Yields:
        The module `ray`.

    Raises:
        UserError: Ray could not be started, or the cluster does not respond.
    """
    check_installed()
    os.environ.update({"RAY_USAGE_STATS_ENABLED": OFF["RAY_USAGE_STATS_ENABLED"]})
    if address is None:
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # this is Ray's default; setting it avoids a log line
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # use 127.0.0.1 on Linux too
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
        except Exception as error:  # Ray raises many types of exceptions
            raise UserError(f"{address}: no Ray cluster responds: {str(error).splitlines()[0]}") from None
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
    """Keep Ray from printing a paragraph on stdout for each worker that dies. The output has a row for it."""
    from ray._private import worker

    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = lambda *_, **__: None
