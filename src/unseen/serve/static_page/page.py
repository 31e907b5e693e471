"""Write the page as static files."""

import hashlib
import io
import json
import random
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unseen.core.errors import UserError
from unseen.core.files import atomic_folder, check_replaceable
from unseen.core.json_files import write_json
from unseen.serve.api import load
from unseen.serve.detector_scope import scope_of
from unseen.serve.network import LoadedDetector, Pixels
from unseen.serve.onnx.folder import FACE_DETECTOR, GRAPH
from unseen.serve.static_page.runtime import PACKAGE, VERSION, runtime_files
from unseen.serve.verdict import REASONS

ABOUT, INDEX = "about.json", "index.html"

SHARED = ("card.js", "dom.js", "icon.svg", "page.css", "page.js", "result.js")
"""Files of the page of `unseen serve` that are used as they are."""

SAME = {"float32": 1e-3, "float16": 1e-3, "int8": 0.2}
"""Largest difference of the logit of the known crop in the browser, by the precision of the weights. Activations of
an int8 graph may be rounded to another level."""

OWN = (
    "backend.js",
    "crop.js",
    "detect.js",
    "failed.js",
    "formats.js",
    "gate.js",
    "jpeg.js",
    "network.js",
    "numbers.js",
    "picture.js",
    "resize.js",
    "sha256.js",
    "views.js",
)

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy of the page. WebAssembly needs 'wasm-unsafe-eval'."""

CANNOT = """\
<h3>What this page can't do</h3>
<ul>
<li>It does not read or verify provenance metadata (C2PA, IPTC). <code>unseen predict</code> and the server do.</li>
<li>It has no heat maps, because the exported network has no gradients.</li>
<li>It reads JPEG, PNG, WebP, GIF, BMP and the other formats of the browser, but not TIFF or PPM.</li>
<li>It uses the image decoder and colour management of the browser. Scores of pictures with a colour profile or more
than 8 bits may differ slightly from those of <code>unseen predict</code>.</li>
</ul>
"""

CHANGES = {
    '<meta charset="utf-8">\n': (
        f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="referrer" content="no-referrer">\n'
    ),
    'accept="image/*,.heic,.heif,.avif,.tif,.tiff,.pgm,.ppm"': 'accept="image/*"',
    "The picture is sent to this server only. It is not stored or logged.": (
        "The picture stays in this browser: the detector runs here, and nothing is sent."
    ),
    "This page needs JavaScript. The HTTP API works without it: <code>curl -F file=@a.jpg ADDRESS/predict</code>": (
        "This page needs JavaScript and WebAssembly."
    ),
    '<details id="limits">': f'{CANNOT}<details id="limits">',
    '<span id="api"><a href="docs">The HTTP API</a></span>': f"Runs with ONNX Runtime Web {VERSION} (MIT licence).",
}
"""Parts of index.html of the server's page, and what is in their place here."""


@dataclass(frozen=True)
class Written:
    """A page that was written: its folder, the detector's name and scope, and the bytes that a browser loads."""

    folder: Path
    name: str
    scope: str
    bytes: int


def page_text(original: str) -> str:
    """Return index.html of the static page, given that of the server's page."""
    for before, after in CHANGES.items():
        assert original.count(before) == 1, before
        original = original.replace(before, after)
    return original


def known_crop(side: int) -> Pixels:
    """Return a crop with pixels that the page computes too: uint8 [side, side, 3]."""
    places = np.arange(3 * side * side, dtype=np.uint64)
    return np.asarray((places * np.uint64(2654435761) % 2**32) >> 24, np.uint8).reshape(side, side, 3)


def probes() -> dict[str, tuple[bytes, str]]:
    """Return a PNG and a JPEG file, by kind, with the SHA-256 of their decoded pixels."""
    drawn = Image.frombytes("RGB", (128, 128), random.Random(0).randbytes(3 * 128 * 128))
    found = {}
    for kind, settings in {"png": {}, "jpg": {"quality": 90, "subsampling": "4:2:0"}}.items():
        buffer = io.BytesIO()
        drawn.save(buffer, "JPEG" if kind == "jpg" else "PNG", **settings)
        pixels = Image.open(buffer).convert("RGB").tobytes()
        found[kind] = buffer.getvalue(), hashlib.sha256(pixels).hexdigest()
    return found


def about_of(detector: LoadedDetector, files: dict[str, str]) -> dict[str, Any]:
    """Return what the page knows about a detector: that of `GET /detector`, and what is needed to score.

    Args:
        detector: an exported detector.
        files: SHA-256 of the files of graphs and of the runtime.
    """
    card, side = detector.card, int(detector.card["onnx"]["input"]["shape"][1])
    text = detector.folder / "card.md"
    known = {"side": side, "logit": float(detector.network.logits([known_crop(side)])[0])}
    return {
        "name": detector.name,
        "scope": scope_of(detector).as_dict(),
        "card": text.read_text("utf-8", errors="replace") if text.is_file() else "",
        "heat": False,
        "reasons": REASONS,
        "version": {"detector": detector.name, "kind": card.get("kind"), PACKAGE: VERSION},
        "files": files,
        "probes": {kind: digest for kind, (_, digest) in probes().items()},
        "known": {**known, "tolerance": SAME[card["onnx"]["precision"]]},
        "run": {
            "faces": detector.faces.model_dump(mode="json"),
            "seed": detector.seed,
            "calibration": detector.calibration.as_dict(),
            "gate": detector.gate.as_dict() if detector.gate else None,
            "view": card["onnx"]["view"],
            "ela": card["onnx"]["ela"],
        },
    }


def _check_out(out: Path) -> None:
    """Raise an error if `out` is something that must not be replaced."""
    check_replaceable(out, folder=True)
    if out.is_dir() and any(out.iterdir()) and not ((out / ABOUT).is_file() and (out / INDEX).is_file()):
        raise UserError(f"{out}: contains other files, which would be lost; give a new folder")


def write_page(given: Path, out: Path, runtime: Path | None = None) -> Written:
    """Write the page of an exported detector as static files.

    Args:
        given: the folder of an export, or of a detector with one.
        out: folder of the page, written atomically; an earlier page in it is replaced.
        runtime: see `runtime_files`.

    Raises:
        UserError: there is no export, it is damaged, ONNX Runtime Web is not available, or `out` is something else.
    """
    _check_out(out)
    detector = load(given, backend="onnx").loaded
    vendored = runtime_files(runtime)
    graphs = {name: (detector.folder / name).read_bytes() for name in (FACE_DETECTOR, GRAPH)}
    pages = resources.files("unseen.serve")
    files = {f"files/{name}": pages.joinpath("page/files", name).read_bytes() for name in SHARED}
    files |= {f"files/{name}": pages.joinpath("static_page/files", name).read_bytes() for name in OWN}
    files |= {f"files/probe.{kind}": content for kind, (content, _) in probes().items()}
    files |= {f"files/{PACKAGE}/{name}": content for name, content in vendored.items()} | graphs
    files[INDEX] = page_text(pages.joinpath("page/files", INDEX).read_text(encoding="utf-8")).encode()
    about = about_of(
        detector, {name: hashlib.sha256(content).hexdigest() for name, content in (graphs | vendored).items()}
    )
    with atomic_folder(out) as part:
        for name, content in files.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(content)
        write_json(part / ABOUT, about)
    size = sum(map(len, files.values())) + len(json.dumps(about))
    return Written(out, detector.name, about["scope"]["scope"], size)
