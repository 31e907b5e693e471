"""The rate of `predict` on a folder, against the face stage and the network on the same pictures.

    PYTHONPATH=src python benchmarks/predict_folder.py PICTURES --detector models/detectors/efficientnet_lite0

PICTURES is a folder, or an archive whose pictures are all used. In each round, in turns: the face stage from archive
to set, with the start of its processes; the network alone on crops that are ready, in batches and with the threads
that `predict` uses; and `predict` on a folder with the same pictures, with the loading of the detector and without
the import of PyTorch. Prints pictures a second and CPU time, and how `predict` compares with one picture after the
other through stage and network, 1 / (1 / stage + 1 / network). The second ratio is stricter: it takes the network as
divided among all cores without loss, as the stage is. Also prints the load of the machine before it starts.

The face stage reads its model in models/assets/centerface of this checkout, which `dvc repro packaged` writes. An
exported detector runs on ONNX Runtime.
"""

import argparse
import os
import tempfile
import time
import zipfile
from pathlib import Path

# What is slow to import is not at the top, because each process for preprocessing imports this file.

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, metavar="PICTURES")
    parser.add_argument("--detector", type=Path, default=Path("models/detectors/efficientnet_lite0"), metavar="DIR")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()

    before = os.getloadavg()[0]
    import torch
    from face_stage import Cost, archive_of, preprocessing, spread, stage
    from machine import machine

    from unseen import load
    from unseen.core import environment
    from unseen.core.prefetch import worker_count
    from unseen.core.runtime import keep_memory
    from unseen.serve.network import LoadedDetector
    from unseen.serve.predict import find_faces, predict

    torch.set_num_threads(environment.threads(1))
    keep_memory()
    exported = not (given.detector / "weights.safetensors").is_file()

    def loaded() -> LoadedDetector:
        return load(given.detector, backend="onnx" if exported else "torch").loaded

    detector = loaded()
    stored, of_detector = preprocessing().settings, detector.faces
    if stored != of_detector:
        print(f"the stage's settings are not those of the detector: {stored}, {of_detector}")

    def cost_of_network(crops: list) -> Cost:  # type: ignore[type-arg]
        start, cpu = time.perf_counter(), time.process_time()
        for first in range(0, len(crops), BATCH):
            detector.network.logits(crops[first : first + BATCH])
        return Cost(time.perf_counter() - start, time.process_time() - cpu)

    def cost_of_predict(paths: list[str]) -> Cost:
        start, cpu = time.perf_counter(), time.process_time()
        for _ in predict(paths, loaded()):
            pass
        return Cost(time.perf_counter() - start, time.process_time() - cpu)

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        archive = archive_of(given.pictures, given.count, folder / "pictures.zip")
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder / "pictures")
        paths = [str(path) for path in sorted((folder / "pictures").iterdir())]
        some = [face.pixels for path in paths[:200] for face in find_faces(path, path, detector).faces]
        faces = sum(len(one.faces) for one in predict(paths, detector))
        crops = [some[i % len(some)] for i in range(faces)]
        costs: dict[str, list[Cost]] = {"stage": [], "network": [], "predict": []}
        for number in range(given.rounds):
            for name in sorted(costs, reverse=number % 2 == 0):
                if name == "stage":
                    cost = stage(archive, folder, worker_count())
                else:
                    cost = cost_of_network(crops) if name == "network" else cost_of_predict(paths)
                costs[name].append(cost)

    cores = worker_count()
    backend = "ONNX Runtime" if exported else "PyTorch"
    print(
        f"{given.count} pictures of {given.pictures.name} with {faces} faces, {cores} processes or threads, ", end=""
    )
    print(f"network in {backend} with {detector.network.threads} threads, {given.rounds} rounds; load {before:.1f}")
    for name, found in costs.items():
        rates, cpu = [given.count / one.wall for one in found], [1e3 * one.cpu / given.count for one in found]
        print(f"{name:8} {spread(rates, 1)} pictures/s; CPU {spread(cpu, 2)} ms/picture")
    rounds = list(zip(costs["stage"], costs["network"], costs["predict"], strict=True))
    by_clock = [(a.wall + b.wall) / c.wall for a, b, c in rounds]
    strict = [(a.wall + b.wall / cores) / c.wall for a, b, c in rounds]
    by_cpu = [(a.cpu + b.cpu) / c.cpu for a, b, c in rounds]
    print(f"predict / (stage, then network): {spread(by_clock, 3)} by the clock, {spread(by_cpu, 3)} by CPU time")
    print(f"the same with the network on all {cores} cores: {spread(strict, 3)} by the clock")
    print(machine())


if __name__ == "__main__":
    main()
