"""Write the corpus: `python tests/fuzz/make_corpus.py`. Everything in it is drawn or written here.

Files named `whole-` are rewritten. Others were found by fuzzing and are left alone.
"""

import io
import json
import sqlite3
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from fuzz.targets import CORPUS, WHOLE  # noqa: E402


def gradient(side: int = 12) -> Image.Image:
    """A small picture in colour."""
    rows, columns = np.mgrid[:side, : side + 4]
    return Image.fromarray(np.stack([rows * 19, columns * 15, 255 - rows * 7], axis=-1).astype(np.uint8))


def encoded(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    """The picture as a file."""
    if kind == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener()
    buffer = io.BytesIO()
    gradient().convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def pictures() -> dict[str, bytes]:
    """Each format and mode that is decoded."""
    exif = Image.Exif()
    exif[274] = 6
    return {
        "grey.jpg": encoded("JPEG", "L"),
        "turned.jpg": encoded("JPEG", exif=exif, icc_profile=b"broken"),
        "four.jpg": encoded("JPEG", "CMYK", progressive=True),
        "alpha.png": encoded("PNG", "RGBA"),
        "palette.png": encoded("PNG", "P", transparency=3),
        "deep.png": encoded("PNG", "I;16"),
        "lossless.webp": encoded("WEBP", "RGBA", lossless=True),
        "exif.webp": encoded("WEBP", exif=exif),
        "palette.gif": encoded("GIF", "P"),
        "plain.bmp": encoded("BMP"),
        "grey.ppm": encoded("PPM", "L"),
        "lzw.tif": encoded("TIFF", compression="tiff_lzw"),
        "jpeg.tif": encoded("TIFF", compression="jpeg"),
        "bits.tif": encoded("TIFF", "1", compression="group4"),
        "big.tif": encoded("TIFF", big_tiff=True, tiffinfo={274: 3}),
        "plain.avif": encoded("AVIF", speed=10),
        "plain.heic": encoded("HEIF"),
    }


def metadata() -> dict[str, bytes]:
    """Files with a manifest, XMP, texts and orientation."""
    from serve.metadata.files import app11, box, c2pa_box, chunk, heic, itxt, jpeg, png, segment, store, webp, xmp

    turned = b'<x:xmpmeta><r tiff:Orientation="6"/></x:xmpmeta>'
    text = zlib.compress(b"\nexif\n 26\n" + b"4d4d002a00000008000101120003000000010006000000000000")
    return {
        "xmp.jpg": jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp())),
        "manifest.jpg": jpeg(*app11(store(), 300)),
        "manifest.png": png(chunk(b"caBX", store()), chunk(b"tEXt", b"prompt\0x")),
        "xmp.png": png(itxt(xmp(), compressed=True)),
        "turned.png": png(itxt(turned)),
        "hex.png": png(chunk(b"zTXt", b"Raw profile type exif\0\0" + text)),
        "both.webp": webp((b"C2PA", store()), (b"XMP ", xmp())),
        "both.heic": heic(c2pa_box(store()), box(b"mdat", xmp())),
    }


def archives() -> dict[str, bytes]:
    """Zip and tar, by each compression; a link, a hidden file and an archive with two names."""
    files = {"a/b.txt": b"text " * 20, "ü.bin": bytes(range(64)), ".hidden": b"x", "../up.txt": b"y"}
    found = {}
    for name, method in (("stored", 0), ("deflate", 8), ("bzip2", 12), ("lzma", 14)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as packed:
            for member, data in files.items():
                packed.writestr(zipfile.ZipInfo(member), data, method)
        found[f"{name}.zip"] = buffer.getvalue()
    for name, mode in (("plain.tar", "w"), ("gz.tar", "w:gz"), ("bz2.tar", "w:bz2"), ("xz.tar", "w:xz")):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
            for member, data in files.items():
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            for member, kind, target in (("hard", tarfile.LNKTYPE, "a/b.txt"), ("soft", tarfile.SYMTYPE, "/etc")):
                info = tarfile.TarInfo(member)
                info.type, info.linkname = kind, target
                tar.addfile(info)
        found[name] = buffer.getvalue()
    return found


def parquet(frame: pd.DataFrame) -> bytes:
    """A table as Parquet."""
    return frame.to_parquet(index=False)


def tables() -> tuple[dict[str, bytes], dict[str, bytes], dict[str, bytes]]:
    """Attribute tables, external predictions and stored predictions."""
    from unseen.data.predictions import SCHEMA, write_predictions

    frame = pd.DataFrame(
        {
            "id": ["a.jpg", "b.jpg", "c, d.jpg", "é.jpg"],
            "label": [0, 1, 0, 1],
            "score": [0.1, 0.9, 0.25, 1.0],
            "gender": ["f", "", "m", "f"],
            "generator": ["", "g", "", "h"],
        }
    )
    text = frame.to_csv(index=False)
    csv = {
        "comma.csv": text.encode(),
        "semicolon.csv": b"sep=;\n" + frame.to_csv(index=False, sep=";").encode(),
        "tabs.csv": frame.to_csv(index=False, sep="\t", lineterminator="\r\n").encode("utf-16"),
        "types.parquet": parquet(frame),
        "attributes.parquet": parquet(frame.assign(attributes=[{"gender": "f"}] * 4).drop(columns="gender")),
    }
    stored = {name: ["a", "b"] for name in SCHEMA.names}
    stored |= {"label": [0, 1], "seed": [0, 0], "logit": [-1.0, 2.0], "score": [0.27, 0.88], "sha256": ["0" * 64] * 2}
    if "attributes" in stored:
        stored["attributes"] = [[("gender", "f")], []]
    path = CORPUS / "stored.parquet"
    write_predictions(path, [stored])
    read = path.read_bytes()
    path.unlink()
    flat = {name: data for name, data in csv.items() if name != "attributes.parquet"}
    return {**flat, "latin.csv": text.encode("latin-1")}, csv, {"two.parquet": read}


def uploads() -> dict[str, bytes]:
    """Bodies of a form, each behind its content type."""
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nbytes\r\n'
    named = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-8''%c3%a9.png\r\n\r\n\0\xff\r\n"
    field = b'--x\r\nContent-Disposition: form-data; name="heat"\r\n\r\n1\r\n'
    return {
        "one": b"multipart/form-data; boundary=x\n" + part + b"--x--\r\n",
        "two": b"multipart/form-data; boundary=x\n" + part + field + named + b"--x--\r\n",
        "charset": b"multipart/form-data; charset=iso-8859-1; boundary=x\n" + part + b"--x--\r\n",
    }


def detectors() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The card and the weights of a regression on 8 x 8 pixels."""
    from unseen.detectors.kinds.dct_logistic import DctLogistic
    from unseen.detectors.shared.artifact import save_detector
    from unseen.detectors.shared.calibration import calibrate
    from unseen.detectors.shared.settings import CalibrationSettings
    from unseen.faces.settings import FaceSettings

    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    calibration = calibrate(labels * 2.0 + rng.normal(size=40), labels, CalibrationSettings(max_fpr=0.05))
    model = DctLogistic(8)
    model.weight += torch.arange(64.0)
    faces = FaceSettings().model_dump()
    folder = CORPUS / "detector"
    card = {"name": "drawn", "faces": faces, "seed": 0, "settings": {}, "trained_on": {}}
    save_detector(folder, model, "dct_logistic", calibration, b"not read", card)
    found = json.loads((folder / "detector.json").read_text())
    del found["sha256"], found["code"], found["versions"]  # fuzzing gets past the hashes, and versions change
    text = json.dumps(found, indent=1).encode()
    (folder / "detector.json").write_bytes(text)
    for extra in ("face_detector.onnx", "parts/index.json"):
        (folder / extra).unlink()
    (folder / "parts").rmdir()
    return {"detector.json": text}, {"weights": (folder / "weights.safetensors").read_bytes()}


def findings() -> dict[str, bytes]:
    """The findings of a run, as the stage `report` writes them."""
    found = {
        "params": "0123",
        "training_seeds": 3,
        "exact": {"faces of orl": 400},
        "numbers": {"auc": {"value": 0.9, "range": [0.8, 1.0]}},
        "claims": {"auc above chance": {"is": "yes", "stated": True}},
    }
    return {"findings.json": json.dumps(found).encode()}


def listings() -> dict[str, bytes]:
    """A hub's response for a model."""
    files = [
        {"rfilename": "config.json", "size": 10, "blobId": "a" * 40},
        {"rfilename": "model.safetensors", "size": 99, "lfs": {"sha256": "b" * 64, "size": 99}},
        {"rfilename": "model.fp16.safetensors", "size": 50},
    ]
    found = {"sha": "c" * 40, "siblings": files, "cardData": {"license": "mit"}}
    return {"model.json": json.dumps(found).encode()}


def videos() -> dict[str, bytes]:
    """Three frames in two containers."""
    import av

    found = {}
    for kind, codec in (("mp4", "mpeg4"), ("avi", "mjpeg"), ("matroska", "mpeg4")):
        buffer = io.BytesIO()
        with av.open(buffer, "w", format=kind) as container:
            stream: Any = container.add_stream(codec, rate=5)
            stream.width = stream.height = 32
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for number in range(3):
                frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), number * 60, np.uint8))
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        found[f"three.{kind}"] = buffer.getvalue()
    return found


def checkpoints() -> dict[str, bytes]:
    """A database with one picture."""
    from unseen.serve.prediction_checkpoint import PredictionCheckpoint

    path = CORPUS / "out.checkpoint"
    opened = PredictionCheckpoint(path, {"detector": "a"}, False)
    list(opened.unknown(["a.jpg"]))
    opened.add([("a.jpg", [{"error": "", "logit": 1.0}])])
    opened.close()
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA journal_mode = DELETE")
    base.execute("VACUUM")
    base.close()
    data = path.read_bytes()
    path.unlink()
    return {"one.sqlite": data}


def every_file() -> dict[str, dict[str, bytes]]:
    """The files of each target."""
    table, external, stored = tables()
    card, weights = detectors()
    gate = {"sharpness": 1.0, "blockiness": 2.0, "side": 20.0, "turn": 0.5, "faces": {"a": 1}, "outside": {}}
    return {
        "picture": pictures(),
        "metadata": metadata(),
        "archive": archives(),
        "table": table,
        "predictions": external,
        "stored_predictions": stored,
        "params": {"default.yaml": (ROOT / "params.yaml").read_bytes()},
        "upload": uploads(),
        "card": card,
        "weights": weights,
        "limits": {"gate.json": json.dumps(gate).encode()},
        "findings": findings(),
        "hub_listing": listings(),
        "video": videos(),
        "prediction_checkpoint": checkpoints(),
    }


if __name__ == "__main__":
    CORPUS.mkdir(exist_ok=True)
    for target, files in every_file().items():
        folder = CORPUS / target
        folder.mkdir(exist_ok=True)
        for left in folder.glob(f"{WHOLE}*"):
            left.unlink()
        for name, data in files.items():
            (folder / f"{WHOLE}{name}").write_bytes(data)
