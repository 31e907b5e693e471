"""Run a bulk job: open it, start Ray and the workers, and write the parts and a summary."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from unseen.core.errors import UserError
from unseen.serve.bulk import job as jobs
from unseen.serve.bulk.cluster import check_installed, session
from unseen.serve.bulk.pool import Limits, Pool
from unseen.serve.bulk.readers import Options
from unseen.serve.bulk.scorer import Scorer, files_of
from unseen.serve.detector_folders import detector_folder

Backend = Literal["torch", "onnx"]


@dataclass(frozen=True)
class Resources:
    """The resources of the workers.

    Attributes:
        workers: number of workers.
        cpus: CPUs of each worker.
        gpus: GPUs of each worker; 0.5 for two workers on a GPU.
        address: address of a Ray cluster; None for a local session.
    """

    workers: int = 1
    cpus: int = 1
    gpus: float = 0.0
    address: str | None = None


@dataclass
class Bulk:
    """A job that is ready to run.

    Attributes:
        job: input, output and finished parts.
        detector: name, fingerprint and backend.
        scope: scope of the detector.
        files: files of the detector.
        resources: resources of the workers.
        limits: limits after which the job gives up.
        scorer: class of the workers; tests use one that dies.
    """

    job: jobs.Job
    detector: dict[str, Any]
    scope: dict[str, Any]
    files: dict[str, bytes]
    resources: Resources = field(default_factory=Resources)
    limits: Limits = field(default_factory=Limits)
    scorer: type[Any] = Scorer

    def run(self) -> Iterator[int]:
        """Score the unfinished chunks. Yield the number of pictures of each written part.

        Raises:
            UserError: see `Pool`, `session` and `Job.write`. Written parts are kept, and another call continues the
            job.
        """
        if not self.job.left:
            return
        given = self.resources
        with session(given.workers * given.cpus, given.address, sum(map(len, self.files.values()))) as ray:
            if not given.address and given.gpus * given.workers > (there := ray.cluster_resources().get("GPU", 0)):
                raise UserError(
                    f"{given.workers} workers need {given.gpus * given.workers:g} GPUs and there are {there:g}; give "
                    "fewer --workers or --gpus-per-worker"
                )
            actor = ray.remote(num_cpus=given.cpus, num_gpus=given.gpus, max_restarts=0)(self.scorer)
            files, device = ray.put(self.files), "cuda" if given.gpus else "cpu"

            def make() -> Any:
                return actor.remote(self.detector["name"], files, self.detector["backend"], device, given.cpus)

            pool = Pool(make, min(given.workers, self.most_workers()), self.limits)
            for chunk, table in pool.score(self.job.chunks()):
                self.job.write(chunk, table)
                yield len(chunk)

    def most_workers(self) -> int:
        """Return the number of batches. More workers would be useless, and each loads a detector."""
        return max(1, -(-self.job.pictures // self.job.input.options.batch))

    def finish(self) -> dict[str, Any]:
        """Write `summary.json` and return its content."""
        return jobs.finish(self.job, self.scope, self.detector)


def prepare(
    source: str,
    target: str,
    detector: str | Path,
    options: Options | None = None,
    resources: Resources | None = None,
    backend: Backend = "torch",
    limits: Limits | None = None,
) -> Bulk:
    """Check the detector, and open the input and the output.

    Args:
        source: a folder of pictures, Parquet with pictures, or a table of paths; a path or a URL of fsspec.
        target: folder of the output, a path or a URL of fsspec.
        detector: see `unseen.load`.
        options: how the input is read.
        resources: resources of the workers.
        backend: see `unseen.load`.
        limits: limits after which the job gives up.

    Raises:
        UserError: Ray is not installed; the detector, the input or the output can't be used.
    """
    check_installed()
    from unseen.serve.api import load

    folder = detector_folder(Path(detector))
    opened = load(folder, backend, "cpu")
    files = files_of(opened.loaded.folder)  # an export may be in a subfolder of the detector's folder
    what = {"name": opened.name, "sha256": jobs.fingerprint(files), "backend": backend}
    job = jobs.open_job(source, target, options or Options(), what)
    return Bulk(job, what, opened.scope.as_dict(), files, resources or Resources(), limits or Limits())
