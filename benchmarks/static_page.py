"""Compare the static page of `unseen serve --static` in headless Chromium with `unseen predict`, and time it.

    PYTHONPATH=src python benchmarks/static_page.py PAGE DETECTOR PICTURES

PAGE is the folder of the page, DETECTOR the folder of the detector, PICTURES a folder with pictures that browsers
can read. It prints the number of faces with the same box and verdict, the differences of the logits, and the seconds
of a picture in the browser. It fails if a box or a verdict differs.
"""

import argparse
import functools
import json
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from machine import machine

import unseen

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from report.browser import Tab, browser  # noqa: E402


def serve(page: Path, pictures: Path) -> ThreadingHTTPServer:
    """Serve the page, and the pictures below `/pictures/`, on loopback."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def translate_path(self, path: str) -> str:
            name = path.removeprefix("/pictures/")
            return str(pictures / name) if name != path else super().translate_path(path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(page)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def until(tab: Tab, condition: str) -> None:
    deadline = time.monotonic() + 120
    while not tab.value(condition):
        if time.monotonic() > deadline:
            raise SystemExit(f"the browser does not answer: {tab.complaints}")
        time.sleep(0.01)


def answers(tab: Tab, address: str, names: list[str]) -> dict[str, dict[str, Any]]:
    """Score pictures in the page."""
    tab.open(address)
    tab.value("import('./files/backend.js').then((module) => { window.page = module; }), 0")
    until(tab, "window.page && !document.querySelector('#detector').textContent.startsWith('L')")
    found = {}
    for name in names:
        tab.value(
            f"window.answer = null; fetch({json.dumps(f'pictures/{name}')}).then((response) => response.blob())"
            ".then(page.predict).then((found) => { window.answer = found; },"
            " (error) => { window.answer = { error: error.message, faces: [] }; }), 0"
        )
        until(tab, "window.answer")
        found[name] = tab.value("window.answer")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("detector", type=Path)
    parser.add_argument("pictures", type=Path)
    given = parser.parse_args()
    names = sorted(path.name for path in given.pictures.iterdir())
    server = serve(given.page, given.pictures)
    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as tab:
        found = answers(tab, f"http://127.0.0.1:{server.server_address[1]}/", names)
    server.shutdown()
    detector = unseen.load(given.detector)
    verdicts: Counter[str] = Counter()
    differences, other = [], []
    for name in names:
        expected = detector.predict(given.pictures / name)
        own = found[name]["faces"]
        if len(own) != len(expected.faces):
            other.append(f"{name}: {len(own)} faces, not {len(expected.faces)}: {found[name].get('error', '')}")
            continue
        for face, one in zip(expected.faces, own, strict=True):
            verdicts[f"{face.verdict} {face.why}".strip()] += 1
            differences.append((abs(face.logit - one["logit"]), name))
            if (list(face.box), face.verdict, face.why) != (one["box"], one["verdict"], one["why"]):
                other.append(f"{name}: {one['box']} {one['verdict']}, not {face.box} {face.verdict}")
    differences.sort(reverse=True)
    far = [f"{name} {difference:.3f}" for difference, name in differences if difference > 1e-4]
    seconds = [one["seconds"] for one in found.values() if "seconds" in one]
    print(machine())
    print(f"{len(differences)} faces of {len(names)} pictures, in Python: {dict(verdicts)}")
    print(f"logits differ by more than 1e-4 for {len(far)} faces: {', '.join(far) or 'none'}")
    print(f"logits of the others differ by {max((d for d, _ in differences if d <= 1e-4), default=0):.1g} at most")
    print(f"seconds a picture: median {statistics.median(seconds):.2f}, largest {max(seconds):.2f}")
    print("\n".join(other) or "all boxes and verdicts are the same")
    sys.exit(bool(other))


if __name__ == "__main__":
    main()
