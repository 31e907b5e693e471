"""The size of the report with many detectors and sets, and how long a browser takes to open it.

    PYTHONPATH=src python benchmarks/report_page.py PHOTOS --folder /tmp/page --detectors 30 --sets 10

PHOTOS is a folder, or an archive, of photos of faces. Writes a finished run in the folder: sets of pictures of
`growth_faces.py`, predictions that are drawn, real metrics of them, and made-up results of the other stages, as
large as real ones. One set in five is of reals, and every set of reals is a pair with every set of fakes. Prints the
size of both pages, the seconds that the report took, and, if there is a Chromium, the milliseconds until
`report.html` has its first paint, its DOM and everything, each time in a browser of its own.
"""

import argparse
import gzip
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from machine import machine
from report_run import write_run

from unseen.params.check import Params, load_params
from unseen.report.data import described, render_data
from unseen.report.page import render
from unseen.report.results import read_results

ROOT = Path(__file__).resolve().parents[1]


def write_pages(root: Path, params: Params) -> tuple[float, float]:
    """Write both pages as the stage does; returns seconds and CPU seconds."""
    start, cpu = time.perf_counter(), time.process_time()
    results = read_results(params, root / "metrics", root / "models")
    sets = described(results, root / "data")
    (root / "metrics/report.html").write_text(render(results, sets, root / "metrics"), encoding="utf-8")
    (root / "metrics/data.html").write_text(render_data(results, sets), encoding="utf-8")
    return time.perf_counter() - start, time.process_time() - cpu


TIMES = """(() => { const [page] = performance.getEntriesByType("navigation");
const paint = performance.getEntriesByName("first-contentful-paint")[0];
return [paint ? paint.startTime : null, page.domContentLoadedEventEnd, page.loadEventEnd]; })()"""


def opened(page: Path) -> list[float | None]:
    """Milliseconds to the first paint, the DOM and the load event, in a new browser."""
    sys.path.append(str(ROOT / "tests"))
    from report.browser import browser

    with tempfile.TemporaryDirectory() as folder, browser(Path(folder)) as tab:
        tab.open(page)
        time.sleep(0.5)  # the first paint of a long page may follow the load event
        found: list[float | None] = tab.value(TIMES)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--detectors", type=int, default=30)
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3, help="of opening the page")
    arguments = parser.parse_args()
    root = arguments.folder / f"{arguments.detectors}x{arguments.sets}"
    params = load_params(root / "params.yaml") if root.is_dir() else write_run(root, arguments)
    seconds, cpu = write_pages(root, params)
    for name in ("report.html", "data.html"):
        data = (root / "metrics" / name).read_bytes()
        print(f"{name}: {len(data) / 1e6:.2f} MB, {len(gzip.compress(data)) / 1e6:.2f} MB with gzip")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(f"written in {seconds:.1f} s ({cpu:.1f} s of CPU), peak memory {peak:.0f} MB")
    times = [opened(root / "metrics/report.html") for _ in range(arguments.repeats)]
    for what, column in zip(("first paint", "DOM", "load"), zip(*times, strict=True), strict=True):
        known = [one for one in column if one is not None]
        if known:
            each = f"{statistics.median(known):.0f} ms ({min(known):.0f} to {max(known):.0f})"
            print(f"{what}: {each}, n {len(known)}")
    print(machine())


if __name__ == "__main__":
    main()
