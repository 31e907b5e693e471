"""Score the faces in pictures: `python example.py PICTURE...`. Needs numpy, onnxruntime, Pillow and this folder.
The preprocessing has the steps of training. It is exact for 8-bit pictures."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

from unseen.serve.onnx.crops import crop_of, kept_boxes, stored_jpeg_quality, upright
from unseen.serve.onnx.gate import reason_of
from unseen.serve.onnx.views import sigmoid, views_of

onnxruntime.set_default_logger_severity(3)
HERE = Path(__file__).parent
FILES = (HERE / name for name in ("detector.json", "gate.json"))
CARD, GATE = (json.loads(file.read_text(encoding="utf-8")) if file.exists() else {} for file in FILES)
DETECT, NETWORK = (onnxruntime.InferenceSession(HERE / n) for n in ("face_detector.onnx", "detector.onnx"))


def detect(picture: Image.Image, longest: int) -> npt.NDArray[np.float64]:
    """Return the faces [n, 7, 2], best first: two corners of the box, then five landmarks, x before y, in pixels."""
    width, height = (max(1, round(side * longest / max(picture.size) / 32)) * 32 for side in picture.size)
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR), np.float32).transpose(2, 0, 1)
    heat, sizes, offsets, points = (out[0] for out in DETECT.run(None, {DETECT.get_inputs()[0].name: pixels[None]}))
    cells = np.nonzero(heat[0] > CARD["faces"]["detect"]["min_score"])  # y, then x, in cells of 4 pixels
    size, shift, marks = (of[:, *cells].astype(np.float64) for of in (sizes, offsets, points))
    size = np.exp(size) * 4
    corner = (np.stack(cells) + shift + 0.5) * 4 - size / 2
    places = np.stack([corner, corner + size, *(marks.reshape(5, 2, -1) * size + corner)])[:, ::-1]
    found = np.rint(places * 2) / 2 * np.reshape((picture.width / width, picture.height / height), (2, 1))
    return kept_boxes(found.transpose(2, 0, 1), heat[0][cells])


def main(path: str) -> None:
    data, faces, frozen = Path(path).read_bytes(), CARD["faces"], CARD["calibration"]
    picture, jpeg = upright(data), stored_jpeg_quality(data, CARD["seed"], **faces["jpeg"])
    low, high = faces["detect"]["side_low"], faces["detect"]["side_high"]
    found = detect(picture, min(max(*picture.size, low), high))
    found = found if len(found) else detect(picture, low)  # a face that fills a large picture
    for (left, top), (right, bottom), *marks in found.tolist():
        box = f"{left:.0f},{top:.0f} {right - left:.0f}x{bottom - top:.0f}"
        if (crop := crop_of(picture, marks, faces)) is None:
            print(f"-  -  too_small  {box}")
            continue
        crop.save(stored := io.BytesIO(), "JPEG", quality=jpeg, subsampling="4:2:0")
        pixels = np.asarray(Image.open(stored).convert("RGB"))
        seen = np.stack(views_of(pixels, CARD["onnx"]["view"], CARD["onnx"]["ela"]))
        logit = float(NETWORK.run(["logit"], {"pixels": seen})[0].astype(np.float64).mean())
        score, (a, b) = sigmoid(logit / frozen["temperature"]), frozen["unsure"]
        why = reason_of(pixels, marks, GATE, faces["scale"]) or ("in_band" if a <= score <= b else "")
        verdict = "unsure" if why else "fake" if score >= frozen["threshold"] else "not flagged"
        print(f"{logit:.4f}  {score:.4f}  {verdict}  {box}  {why}".rstrip())


if __name__ == "__main__":
    for given in sys.argv[1:]:
        try:
            main(given)
        except (OSError, ValueError, SyntaxError) as error:
            print(f"-  -  not_scored  {given!r}: {error}")
