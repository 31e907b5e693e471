"""Measure `unseen serve`: thousands of damaged uploads, several clients at once, and a portrait after warm-up.

    PYTHONPATH=src python benchmarks/serve.py fuzz DETECTOR PICTURES --uploads 10000
    PYTHONPATH=src python benchmarks/serve.py load DETECTOR PICTURES --clients 8 --seconds 60
    PYTHONPATH=src python benchmarks/serve.py portrait DETECTOR PICTURE

DETECTOR is a detector's folder or an export, which runs on ONNX Runtime. PICTURES is a folder with pictures, PICTURE
a file. `fuzz` sends damaged files and damaged requests to the app in this process, and prints the number of responses
by status, the peak growth of resident memory, and the time. It fails on a status of 500. `load` starts `unseen serve`
and sends pictures from several clients, each as soon as the last one is answered. It prints responses by status,
responses per second, response times, and the server's memory. `portrait` converts one picture to a JPEG of 1 MB and
sends it repeatedly from one client.
"""

import argparse
import io
import json
import random
import statistics
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from typing import Literal

import psutil
from machine import machine
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

MB = 1_000_000
SUFFIXES = (".jpg", ".jpeg", ".png", ".pgm", ".webp")
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n',
    b"\r\n--b--\r\n",
)


def pictures_of(folder: Path) -> list[bytes]:
    """Read the files of a folder."""
    found = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    if not found:
        sys.exit(f"{folder}: no pictures")
    return found


def backend_of(detector: Path) -> Literal["torch", "onnx"]:
    """The backend that a folder needs: an exported one has no weights of PyTorch."""
    return "torch" if (detector / "weights.safetensors").is_file() else "onnx"


def fuzz(detector: Path, folder: Path, uploads: int) -> None:
    """Send damaged files and damaged forms to the app in this process."""
    from starlette.testclient import TestClient

    from damaged_pictures import damaged, pictures
    from unseen.serve.api import load
    from unseen.serve.page.answers import DetectorScorer
    from unseen.serve.page.app import make_app
    from unseen.serve.page.limits import Limits

    warnings.simplefilter("ignore")  # warnings of Pillow about damaged tags
    limits = Limits(bytes=2 * MB)
    app = make_app(DetectorScorer(load(detector, backend=backend_of(detector)), limits), limits)
    draw, counts, slowest = random.Random(9), Counter[str](), 0.0
    files = pictures({str(i): data for i, data in enumerate(pictures_of(folder)[:8])}, draw)
    process = psutil.Process()
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        client.post("/predict", content=files[0], headers={"Content-Type": "image/jpeg"})
        first = most = process.memory_info().rss
        start = time.perf_counter()
        for number in range(uploads):
            body, kind = damaged(draw.choice(files), draw), "image/jpeg"
            if number % 3 == 1:
                body, kind = FORM[0] + body + FORM[1], "multipart/form-data; boundary=b"
            if number % 30 == 1:
                body = damaged(body, draw)
            if number % 1000 == 999:
                body = draw.randbytes(3 * MB)
            sent = time.perf_counter()
            query = "?heat=1" if number % 100 == 0 else ""
            found = client.post(f"/predict{query}", content=body, headers={"Content-Type": kind})
            slowest = max(slowest, time.perf_counter() - sent)
            status = str(found.status_code)
            counts[status if found.status_code == 200 else f"{status} {found.json()['error']}"] += 1
            if found.status_code >= 500:
                sys.exit(f"upload {number}: {found.text}")
            most = max(most, process.memory_info().rss)
    seconds = time.perf_counter() - start
    print(f"{uploads} uploads in {seconds:.0f} s, the slowest {slowest:.2f} s; memory +{(most - first) / MB:.0f} MB")
    for status, n in sorted(counts.items()):
        print(f"  {status}: {n}")


class Server:
    """`unseen serve` in a separate process, on a free port."""

    def __init__(self, detector: Path) -> None:
        command = [sys.executable, "-m", "unseen.cli", "serve", str(detector), "--port", "0"]
        command += ["--backend", backend_of(detector)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        assert self.process.stdout
        line = self.process.stdout.readline()
        if "http://127.0.0.1:" not in line:
            sys.exit(f"the server did not start; exit status {self.process.wait(60)}")
        self.port = int(line.split("http://127.0.0.1:")[1].split("/")[0])

    def memory(self) -> int:
        """Resident memory in bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def cpu(self) -> float:
        """CPU time so far, in seconds. Unlike wall time, it hardly depends on other load of the machine."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def connection(self) -> HTTPConnection:
        """Open a new connection."""
        return HTTPConnection("127.0.0.1", self.port, timeout=120)

    def end(self) -> None:
        """Stop the server as Ctrl-C does."""
        self.process.send_signal(2)
        self.process.wait(60)


def ask(connection: HTTPConnection, data: bytes) -> tuple[int, float]:
    """Send a picture, and return status and seconds."""
    start = time.perf_counter()
    connection.request("POST", "/predict", data, {"Content-Type": "application/octet-stream"})
    response = connection.getresponse()
    body = response.read()
    if response.status == 200:
        json.loads(body)
    return response.status, time.perf_counter() - start


def spread(seconds: list[float]) -> str:
    """Format median, 95th percentile and maximum."""
    ordered = sorted(seconds)
    most = ordered[int(0.95 * (len(ordered) - 1))]
    return f"median {statistics.median(ordered):.3f} s, p95 {most:.3f} s, max {ordered[-1]:.3f} s"


def load_test(detector: Path, folder: Path, clients: int, seconds: float) -> None:
    """Send pictures from several clients for some time."""
    pictures = pictures_of(folder)
    server = Server(detector)
    counts, times, memory = Counter[int](), list[float](), list[int]()
    ask(server.connection(), pictures[0])
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        connection, draw = server.connection(), random.Random(number)
        while time.monotonic() < end:
            status, took = ask(connection, draw.choice(pictures))
            counts[status] += 1
            times.append(took)
            if status != 200:
                connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    health = list[float]()
    while time.monotonic() < end:
        time.sleep(1)
        memory.append(server.memory())
        connection, start = server.connection(), time.perf_counter()
        connection.request("GET", "/health")
        connection.getresponse().read()
        health.append(time.perf_counter() - start)
    for thread in threads:
        thread.join()
    quarter = max(1, len(memory) // 4)
    print(f"{clients} clients, {seconds:.0f} s: {dict(counts)}, {sum(counts.values()) / seconds:.1f} per second")
    print(f"  response time: {spread(times)}; GET /health: {spread(health)}")
    print(
        f"  memory: median {statistics.median(memory[:quarter]) / MB:.0f} MB in the first quarter, "
        f"{statistics.median(memory[-quarter:]) / MB:.0f} MB in the last, at most {max(memory) / MB:.0f} MB"
    )
    server.end()


def portrait(detector: Path, file: Path, times: int) -> None:
    """Send one picture repeatedly, as a JPEG of about 1 MB."""
    picture = Image.open(file).convert("RGB")
    for side in range(1024, 6000, 128):
        buffer = io.BytesIO()
        picture.resize((side, side * picture.height // picture.width), Image.Resampling.BICUBIC).save(
            buffer, "JPEG", quality=92
        )
        if len(buffer.getvalue()) >= MB:
            break
    server = Server(detector)
    connection = server.connection()
    first = ask(connection, buffer.getvalue())[1]
    before = server.cpu()
    found = [ask(connection, buffer.getvalue()) for _ in range(times)]
    cpu = (server.cpu() - before) / times
    size = f"{side} px wide, {len(buffer.getvalue()) / MB:.2f} MB"
    print(f"{size}: first {first:.3f} s, then {spread([took for _, took in found])}")
    print(f"  CPU time {cpu:.3f} s a picture; {dict(Counter(status for status, _ in found))}")
    server.end()


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("fuzz", "load", "portrait"))
    parser.add_argument("detector", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--uploads", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--times", type=int, default=20)
    given = parser.parse_args()
    print(machine())
    if given.what == "fuzz":
        fuzz(given.detector, given.pictures, given.uploads)
    elif given.what == "load":
        load_test(given.detector, given.pictures, given.clients, given.seconds)
    else:
        portrait(given.detector, given.pictures, given.times)


if __name__ == "__main__":
    main()
