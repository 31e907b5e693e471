"""The static page in a real browser: the same faces, logits and verdicts as `unseen predict`, and exact steps."""

import base64
import functools
import io
import json
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import unseen
from report.browser import PROGRAM, Tab, browser
from unseen.faces.crop import crop_square
from unseen.serve.onnx.views import views_of
from unseen.serve.static_page import page
from unseen.serve.static_page.page import write_page

from ..test_predict import encoded

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")

Pixels = npt.NDArray[np.uint8]

NOISE = """
const own = CanvasRenderingContext2D.prototype.getImageData;
CanvasRenderingContext2D.prototype.getImageData = function (...box) {
  const found = own.apply(this, box);
  found.data[4000] ^= 1;
  return found;
};"""
"""What protection against fingerprinting does."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, drawn_export: Path, vendored: dict[str, bytes]) -> Path:
    """A folder with the page in `page`."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "runtime_files", lambda _: vendored)
        write_page(drawn_export, folder / "page")
    return folder


@pytest.fixture(scope="module")
def address(root: Path) -> Iterator[str]:
    """The address of the page on a plain server without special headers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/page/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory, address: str) -> Iterator[Tab]:
    """The page in a browser, ready to score."""
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        opened(found, address)
        yield found


def opened(tab: Tab, address: str) -> None:
    tab.open(address)
    until(tab, "!document.querySelector('#detector').textContent.startsWith('L')")


def until(tab: Tab, condition: str) -> None:
    deadline = time.monotonic() + 120  # the machine may be busy
    while not tab.value(condition):
        assert time.monotonic() < deadline, (condition, tab.complaints)
        time.sleep(0.01)


def awaited(tab: Tab, body: str) -> Any:
    """The result of the body of an async function in the page."""
    tab.value(
        f"window.done = null; (async () => {{ {body} }})()"
        ".then((value) => { window.done = { value }; }, (error) => { window.done = { error: error.stack }; }); 0"
    )
    until(tab, "window.done !== null")
    found = tab.value("window.done")
    assert "error" not in found, found
    return found["value"]


def sent(pixels: Pixels) -> str:
    """A JavaScript expression for a picture."""
    height, width = pixels.shape[:2]
    data = base64.b64encode(pixels.tobytes()).decode()
    return (
        f"{{ width: {width}, height: {height}, data: Uint8Array.from(atob('{data}'), (byte) => byte.charCodeAt(0)) }}"
    )


def computed(tab: Tab, module: str, calls: list[str]) -> list[Pixels]:
    """The pictures that calls of functions of a module return."""
    found = awaited(
        tab,
        f"const m = await import('./files/{module}'); const made = [{', '.join(calls)}];"
        "return made.map(({ width, height, data }) => [width, height, "
        "btoa(data.reduce((text, byte) => text + String.fromCharCode(byte), ''))]);",
    )
    return [
        np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 3) for width, height, data in found
    ]


def drawn(width: int, height: int, seed: int) -> Pixels:
    """Noise on a smooth picture."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 5, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    return np.asarray((smooth + random.integers(-30, 31, smooth.shape)).clip(0, 255), np.uint8)


def check_equal(found: list[Pixels], expected: list[Pixels]) -> None:
    assert len(found) == len(expected) > 0
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert one.shape == other.shape, i
        assert (one == other).all(), (i, int((one != other).sum()), int(np.abs(one.astype(int) - other).max()))


@pytest.fixture
def pictures(root: Path, orl_pictures: dict[str, bytes]) -> list[Path]:
    """Twenty faces in sheets of several and in files of all formats, beside the page."""
    folder = root / "pictures"
    folder.mkdir(exist_ok=True)
    faces = [Image.open(io.BytesIO(data)) for data in list(orl_pictures.values())[:22]]
    files: dict[str, bytes] = {}
    for number in range(2):
        sheet = Image.new("RGB", (360, 230), (90, 120, 150))
        for place, face in enumerate(faces[6 * number : 6 * number + 6]):
            sheet.paste(face, (10 + 116 * (place % 3), 2 + 114 * (place // 3)))
        files[f"sheet{number}.png"] = encoded(sheet, "PNG")
    turned = Image.Exif()
    turned[274] = 6  # the picture is turned by 90 degrees to the right
    transparent = faces[18].convert("RGBA")
    transparent.putalpha(200)
    linear = PngInfo()
    linear.add(b"gAMA", (100_000).to_bytes(4, "big"))  # browsers would apply it, and Pillow does not
    files |= {
        "linear.png": encoded(faces[18], "PNG", pnginfo=linear),
        "a.jpg": encoded(faces[12].convert("RGB"), "JPEG", quality=80),
        "grey.jpg": encoded(faces[13], "JPEG", quality=90, progressive=True),
        "lossy.webp": encoded(faces[14], "WEBP", quality=85),
        "a.bmp": encoded(faces[15], "BMP"),
        "a.gif": encoded(faces[16], "GIF"),
        "turned.jpg": encoded(faces[17].transpose(Image.Transpose.ROTATE_90), "JPEG", exif=turned),
        "turned.webp": encoded(faces[17].transpose(Image.Transpose.ROTATE_90), "WEBP", exif=turned, lossless=True),
        "turned.png": encoded(faces[19].transpose(Image.Transpose.ROTATE_90), "PNG", exif=turned),
        "transparent.png": encoded(transparent, "PNG"),
        "enlarged.png": encoded(faces[20].resize((230, 280), Image.Resampling.BICUBIC), "PNG"),
        "none.png": encoded(Image.new("RGB", (40, 700), "white"), "PNG"),
        "small.png": encoded(faces[21].resize((40, 48), Image.Resampling.LANCZOS), "PNG"),
        "too_small.png": encoded(faces[21].resize((26, 32), Image.Resampling.LANCZOS), "PNG"),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]


def test_faces_logits_and_verdicts_are_those_of_python(
    tab: Tab, address: str, drawn_export: Path, pictures: list[Path]
) -> None:
    names = json.dumps([path.name for path in pictures])
    answers = awaited(
        tab,
        "const { predict } = await import('./files/backend.js'); const found = [];"
        f"for (const name of {names}) {{ const file = await (await fetch(`../pictures/${{name}}`)).blob();"
        "found.push(await predict(file)); } return found;",
    )
    detector = unseen.load(drawn_export, backend="onnx")
    faces, verdicts, reasons, lost = 0, set(), set(), set()
    for path, found in zip(pictures, answers, strict=True):
        expected = detector.predict(path)
        assert [found[key] for key in ("width", "height", "sha256")] == [
            expected.width,
            expected.height,
            expected.sha256,
        ], path.name
        rows = [(one.reason, one.detail, one.box and list(one.box)) for one in expected.not_scored]
        assert [(one["reason"], one["detail"], one["box"]) for one in found["not_scored"]] == rows, path.name
        lost |= {row[0] for row in rows}
        assert len(found["faces"]) == len(expected.faces), path.name
        for face, own in zip(expected.faces, found["faces"], strict=True):
            # one level of difference in a pixel under transparency is allowed
            assert own["logit"] == pytest.approx(face.logit, abs=1e-2 if "transparent" in path.name else 1e-4), path
            assert own["score"] == pytest.approx(face.score, abs=1e-2 if "transparent" in path.name else 1e-4), path
            same = {"box": list(face.box), **{key: getattr(face, key) for key in ("verdict", "why")}}
            same |= {key: getattr(face, key) for key in ("above_threshold", "detection_score")}
            assert {key: own[key] for key in same} == same, path.name
            faces += 1
            verdicts.add(face.verdict)
            reasons.add(face.why)
    assert faces >= 20
    assert verdicts == {"fake", "unsure", "not flagged"}, "the pictures must cover all verdicts"
    assert reasons >= {"", "in_band", "small_face", "degraded"}
    assert lost == {"no_face", "too_small"}
    assert tab.complaints == []
    assert all(one.startswith((address.removesuffix("page/"), "blob:", "data:")) for one in tab.requests)


def test_a_resize_is_that_of_pillow(tab: Tab) -> None:
    calls, expected = [], []
    for seed, (width, height, side) in enumerate([(92, 112, 128), (300, 90, 64), (40, 260, 64), (128, 128, 128)]):
        pixels = drawn(width, height, seed)
        picture = Image.fromarray(pixels)
        for size in ((side, side), (side, 32), (320, 96)):
            calls.append(f"m.resize({sent(pixels)}, {size[0]}, {size[1]}, m.BILINEAR)")
            expected.append(np.asarray(picture.resize(size, Image.Resampling.BILINEAR)))
    check_equal(computed(tab, "resize.js", calls), expected)


def test_a_crop_is_that_of_pillow_also_beyond_the_edge(tab: Tab) -> None:
    random, calls, expected = np.random.default_rng(0), [], []
    for seed in range(12):
        width, height = (int(side) for side in random.integers(60, 260, 2))
        pixels = drawn(width, height, seed)
        x, y, side = random.uniform(0, width), random.uniform(0, height), random.uniform(30, 200)
        calls.append(f"m.resizedSquare({sent(pixels)}, {x}, {y}, {side}, 64)")
        expected.append(np.asarray(crop_square(Image.fromarray(pixels), x, y, side, 64)))
    check_equal(computed(tab, "crop.js", calls), expected)


def test_compression_is_that_of_pillow(tab: Tab) -> None:
    calls, expected = [], []
    for seed, side in enumerate((64, 40, 8, 72)):  # native crops are not always multiples of 16
        for quality in (1, 30, 75, 83, 95, 100):
            pixels = drawn(side, side, seed)
            calls.append(f"m.compressed({sent(pixels)}, {quality})")
            again = encoded(Image.fromarray(pixels), "JPEG", quality=quality, subsampling="4:2:0")
            expected.append(np.asarray(Image.open(io.BytesIO(again)).convert("RGB")))
    check_equal(computed(tab, "jpeg.js", calls), expected)


@pytest.mark.parametrize(
    ("view", "ela"),
    [
        ({"kind": "crop", "side": 48, "views": 5}, None),
        ({"kind": "crop", "side": 96, "views": 2}, None),
        ({"kind": "stored", "side": 64, "views": 1}, {"quality": 90, "scale": 15.0}),
    ],
)
def test_views_are_those_of_python(tab: Tab, view: dict[str, Any], ela: dict[str, Any] | None) -> None:
    pixels = drawn(64, 64, 5)
    calls = [f"...m.viewsOf({sent(pixels)}, {json.dumps(view)}, {json.dumps(ela)})"]
    check_equal(computed(tab, "views.js", calls), views_of(pixels, view, ela))


@pytest.mark.parametrize("side", [48, 100])
def test_a_resized_view_differs_by_one_level_at_most(tab: Tab, side: int) -> None:
    pixels = drawn(64, 64, 5)
    view = {"kind": "resize", "side": side, "views": 1}
    (found,) = computed(tab, "views.js", [f"...m.viewsOf({sent(pixels)}, {json.dumps(view)}, null)"])
    (expected,) = views_of(pixels, view, None)
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1
    assert difference.mean() < 0.01  # halves, which are frequent in this ratio, may round to either side


def test_rounding_is_that_of_python(tab: Tab) -> None:
    values = [0.5, 1.5, 2.5, -0.5, -1.5, 0.0625, 0.1875, 0.53125, 2.675, 1.0005, 7.0, 0.49999999999999994]
    found = awaited(
        tab,
        "const m = await import('./files/numbers.js');"
        f"return {json.dumps(values)}.map((x) => [m.roundHalfEven(x), m.roundTo(x, 3), m.roundTo(x, 4)]);",
    )
    assert found == [[round(x), round(x, 3), round(x, 4)] for x in values]


def test_the_page_scores_a_chosen_picture(tab: Tab, address: str, pictures: list[Path]) -> None:
    opened(tab, address)
    tab.choose("#file", pictures[0])
    until(tab, "document.querySelector('article img')?.naturalWidth === 360")
    assert tab.value("document.querySelectorAll('.faces > li').length") == 6
    assert tab.value("document.querySelector('#status').textContent").startswith("sheet0.png: 6 faces: ")
    assert "nothing is sent" in tab.value("document.querySelector('#privacy').innerText")
    assert "provenance" in tab.value("document.querySelector('#about').innerText")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.tif", b"II*\0", "TIFF is not supported by this page; convert it to PNG"),
        ("a.png", b"no picture", "no known image format"),
        ("b.png", b"\x89PNG\r\n\x1a\n\0\0", "this browser cannot decode the file (PNG)"),
        ("c.png", b"", "the file has no bytes"),
        ("a.gif", None, "the picture is animated"),
    ],
)
def test_a_picture_without_a_score_has_a_reason(
    tab: Tab, tmp_path: Path, name: str, data: bytes | None, said: str
) -> None:
    frames = [Image.new("L", (30, 30), shade) for shade in (0, 255)]
    (tmp_path / name).write_bytes(
        data if data is not None else encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    )
    tab.choose("#file", tmp_path / name)
    until(tab, f"document.querySelector('#status').textContent.startsWith({json.dumps(f'{name}: ')})")
    assert tab.value("document.querySelector('#status').textContent").startswith(f"{name}: {said}")


def test_a_browser_that_changes_pixels_scores_nothing(tmp_path: Path, address: str, pictures: list[Path]) -> None:
    with browser(tmp_path) as other:
        other.before_scripts(NOISE)
        opened(other, address)
        until(other, "document.querySelector('#status').className === 'bad'")
        assert "changes the pixels" in other.value("document.querySelector('#status').textContent")
        other.choose("#file", pictures[0])
        until(other, "document.querySelector('#status').textContent.startsWith('sheet0.png: This browser changes')")
        assert other.value("document.querySelectorAll('article').length") == 0


def test_a_damaged_graph_scores_nothing(tab: Tab, root: Path, address: str, pictures: list[Path]) -> None:
    graph = root / "page/detector.onnx"
    before = graph.read_bytes()
    graph.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        opened(tab, address)
        tab.choose("#file", pictures[0])
        until(tab, "document.querySelector('#status').textContent.includes('detector.onnx is damaged')")
        assert tab.value("document.querySelectorAll('article').length") == 0
    finally:
        graph.write_bytes(before)
