"""Data sets that scikit-learn can download; no account is needed.

scikit-learn's fetchers store pickles beside downloads and load them at the next call. Pickles of earlier runs are
therefore deleted first, so that no pickle is ever loaded.
"""

import shutil
import socket
import struct
import tarfile
import zlib
from gzip import BadGzipFile
from http.client import HTTPException
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError, URLError

import numpy as np
from pydantic import Field
from sklearn.datasets import fetch_lfw_people, fetch_olivetti_faces

from unseen.core.errors import UserError
from unseen.sources.shared.packing import pack
from unseen.sources.shared.settings import ArchiveSettings


class Settings(ArchiveSettings):
    """A data set that scikit-learn can download; no account is needed."""

    kind: Literal["sklearn"]
    dataset: Literal["lfw_people", "olivetti_faces"] = Field(description="as in `sklearn.datasets.fetch_...`")


PICTURES_OF_ONE = 530
"""The LFW fetcher decodes the pictures of all people with at least this many. Only one person has that many."""

SILENCE = 60.0
"""Timeout in seconds for the next bytes; the fetchers have none."""


def fetch(settings: Settings, folder: Path, parts: Path) -> Path:
    """Download a data set and pack its pictures into one archive in `folder`, without compression.

    Args:
        settings: the data set.
        folder: existing folder for the archive. `lfw_people` has the published JPEG files, aligned by funneling,
            `Name_Surname/Name_Surname_0001.jpg`; `olivetti_faces` has 400 grey PNG files of 64 x 64 pixels,
            `s01/01.png`, with scikit-learn's 0..1 scaled to 0..255.
        parts: existing folder, used as scikit-learn's data folder; complete downloads in it are reused.

    Returns:
        Path of the archive.

    Raises:
        UserError: the download fails, or does not have the expected checksum.
    """
    name = settings.dataset
    pictures = {"lfw_people": _lfw_people, "olivetti_faces": _olivetti_faces}[name]
    for left in [*parts.glob("*.part_*"), *parts.glob("*/*.part_*")]:
        left.unlink()  # the fetchers restart a broken download under another name
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
    try:
        root, files = pictures(parts)
    except (URLError, HTTPException, ConnectionError, TimeoutError) as error:
        reason = error if isinstance(error, HTTPError) else getattr(error, "reason", error)
        raise UserError(
            f"could not download {name} with scikit-learn ({reason}); check the network and run `dvc repro` again"
        ) from None
    except (tarfile.TarError, BadGzipFile, EOFError, zlib.error) as error:
        shutil.rmtree(parts)
        raise UserError(f"{name}: an earlier download was damaged ({error}) and removed; run again") from None
    except OSError as error:
        if error.errno is not None:
            raise
        # the fetchers raise an OSError without a number if a checksum differs
        raise UserError(
            f"{name}: {error} Do not use such a file: run again later, or with a newer scikit-learn"
        ) from None
    finally:
        socket.setdefaulttimeout(before)
    return pack(root, files, folder / f"{name}.zip")


def _lfw_people(parts: Path) -> tuple[Path, list[Path]]:
    home = parts / "lfw_home"
    unpacked, pickles = home / "lfw_funneled", home / "joblib"
    if unpacked.exists() and any(home.glob("*.tgz")):
        # The fetcher treats any folder as complete, and removes the archive only after unpacking all of it.
        shutil.rmtree(unpacked)
    if pickles.exists():
        shutil.rmtree(pickles)
    fetch_lfw_people(data_home=parts, funneled=True, min_faces_per_person=PICTURES_OF_ONE)
    return unpacked, sorted(unpacked.glob("*/*.jpg"))


def _olivetti_faces(parts: Path) -> tuple[Path, list[Path]]:
    for pickle in parts.glob("*.pkz"):
        pickle.unlink()
    root, files = parts / "png", []
    for number, image in enumerate(fetch_olivetti_faces(data_home=parts).images):
        person, picture = divmod(number, 10)
        files.append(root / f"s{person + 1:02}" / f"{picture + 1:02}.png")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        files[-1].write_bytes(_png(np.rint(image * 255).astype(np.uint8)))
    return root, files


def _png(grey: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bytes:
    """Encode a grey picture as PNG without compression, so that the bytes do not depend on the version of zlib.

    Args:
        grey: [height, width]. Pixels and one byte per row must fit into one stored block of 65,535 bytes.

    Returns:
        The file; see https://www.w3.org/TR/png-3/, and RFC 1950 and 1951 for the block.
    """
    height, width = grey.shape
    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    block = b"\x78\x01\x01" + struct.pack("<HH", len(rows), len(rows) ^ 0xFFFF) + rows
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0),
        b"IDAT": block + struct.pack(">I", zlib.adler32(rows)),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
