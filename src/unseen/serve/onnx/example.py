"""Score every face in a picture: `python example.py PICTURE`. Needs numpy, onnxruntime, Pillow and this folder.

The preprocessing has the same steps as in training. It is exact for 8-bit pictures without transparency.
"""

import hashlib
import io
import json
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageCms, ImageOps

from unseen.serve.onnx.views import overlap, sigmoid, views_of

onnxruntime.set_default_logger_severity(3)
HERE = Path(__file__).parent
CARD = json.loads((HERE / "detector.json").read_text(encoding="utf-8"))
FACES, GRAPH, FROZEN = CARD["faces"], CARD["onnx"], CARD["calibration"]
Found = tuple[float, list[float], list[tuple[float, float]]]  # score, box, landmarks


def opened(data: bytes) -> Image.Image:
    raw = Image.open(io.BytesIO(data))
    picture = ImageOps.exif_transpose(raw)
    if profile := raw.info.get("icc_profile"):
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        picture = ImageCms.profileToProfile(picture, source, target, outputMode="RGB") or picture
    return picture.convert("RGB")


def detect(net: onnxruntime.InferenceSession, picture: Image.Image, longest: int) -> list[Found]:
    width, height = (max(1, round(side * longest / max(picture.size) / 32)) * 32 for side in picture.size)
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR), np.float32).transpose(2, 0, 1)
    heat, sizes, offsets, points = (out[0] for out in net.run(None, {net.get_inputs()[0].name: pixels[None]}))
    found, zoom = [], (picture.width / width, picture.height / height)
    for y, x in zip(*np.nonzero(heat[0] > FACES["detect"]["min_score"]), strict=True):
        tall, wide = (math.exp(float(value)) * 4 for value in sizes[:, y, x])
        dy, dx = (float(value) for value in offsets[:, y, x])
        left, top = (int(x) + dx + 0.5) * 4 - wide / 2, (int(y) + dy + 0.5) * 4 - tall / 2
        marks = points[:, y, x].astype(float).reshape(5, 2) * (tall, wide) + (top, left)
        places = [(left, top), (left + wide, top + tall), *((a, b) for b, a in marks.tolist())]
        on = [tuple(round(value / 0.5) * 0.5 * z for value, z in zip(place, zoom, strict=True)) for place in places]
        found.append((round(float(heat[0, y, x]), 3), [*on[0], *on[1]], on[2:]))
    kept: list[Found] = []
    for face in sorted(found, key=lambda face: -face[0]):
        kept += [face] if all(overlap(face[1], other[1]) <= 0.3 for other in kept) else []
    return kept


def crop(picture: Image.Image, marks: list[tuple[float, float]]) -> Image.Image | None:
    (lx, ly), (rx, ry), _, (mlx, mly), (mrx, mry) = marks
    dx, dy = (mlx + mrx) / 2 - (lx + rx) / 2, (mly + mry) / 2 - (ly + ry) / 2
    x, y = (lx + rx) / 2 + FACES["centre"] * dx, (ly + ry) / 2 + FACES["centre"] * dy
    side = FACES["scale"] * max(2.0 * math.hypot(rx - lx, ry - ly), 1.8 * math.hypot(dx, dy))
    own = 8 * math.floor(side / 8 + 0.5)
    if not side >= FACES["min_crop"]:
        return None
    if FACES["native"] and own <= FACES["side"]:
        columns = (math.floor(x - own / 2 + 0.5) + np.arange(own)).clip(0, picture.width - 1)
        rows = (math.floor(y - own / 2 + 0.5) + np.arange(own)).clip(0, picture.height - 1)
        return Image.fromarray(np.asarray(picture)[rows[:, None], columns])
    left, top = x - side / 2, y - side / 2
    pad = math.ceil(max(0.0, -left, -top, left + side - picture.width, top + side - picture.height))
    whole = Image.fromarray(np.pad(np.asarray(picture), ((pad, pad), (pad, pad), (0, 0)), mode="edge"))
    box = (left + pad, top + pad, min(left + pad + side, whole.width), min(top + pad + side, whole.height))
    return whole.resize((FACES["side"], FACES["side"]), Image.Resampling.LANCZOS, box=box)


def main(path: str) -> None:
    data = Path(path).read_bytes()
    picture, sha256 = opened(data), hashlib.sha256(data).hexdigest()
    net, graph = (onnxruntime.InferenceSession(HERE / name) for name in ("face_detector.onnx", "detector.onnx"))
    low, high = FACES["detect"]["side_low"], FACES["detect"]["side_high"]
    found = detect(net, picture, min(max(*picture.size, low), high)) or detect(net, picture, low)
    draw = hashlib.sha256(f"quality\x1f{CARD['seed']}\x1f{sha256}".encode()).digest()[:8]
    jpeg, spread = FACES["jpeg"], FACES["jpeg"]["high"] - FACES["jpeg"]["low"] + 1
    quality = jpeg["low"] + int((int.from_bytes(draw, "big") >> 11) / 2**53 * spread)
    for _, (left, top, right, bottom), marks in found:
        if (face := crop(picture, marks)) is None:
            continue
        face.save(stored := io.BytesIO(), "JPEG", quality=quality, subsampling="4:2:0")
        seen = views_of(np.asarray(Image.open(stored).convert("RGB")), GRAPH["view"], GRAPH["ela"])
        logit = float(graph.run(["logit"], {"pixels": np.stack(seen)})[0].astype(np.float64).mean())
        score, (a, b) = sigmoid(logit / FROZEN["temperature"]), FROZEN["unsure"]
        verdict = "unsure" if a <= score <= b else "fake" if score >= FROZEN["threshold"] else "not flagged"
        print(f"{logit:.4f}  {score:.4f}  {verdict}  {left:.0f},{top:.0f} {right - left:.0f}x{bottom - top:.0f}")


if __name__ == "__main__":
    main(sys.argv[1])
