"""Data sets that scikit-learn knows how to fetch, without an account.

Its fetchers keep pickles beside what they downloaded, and load them at the next call. What an earlier run left is
therefore cleared of pickles first; the pictures themselves are never read from one.
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
    """A data set that scikit-learn knows how to fetch, without an account."""

    kind: Literal["sklearn"]
    dataset: Literal["lfw_people", "olivetti_faces"] = Field(description="as in `sklearn.datasets.fetch_...`")


PICTURES_OF_ONE = 530
"""The LFW fetcher decodes everybody with at least so many pictures; one person has that many, and nobody more."""

SILENCE = 60.0
"""Seconds without a byte after which a server is given up: the fetchers themselves wait for ever."""


def fetch(settings: Settings, folder: Path, parts: Path) -> Path:
    """Download a data set and pack its pictures into one archive in `folder`, without compression.

    Args:
        settings: which data set.
        folder: an existing folder that receives the archive: for `lfw_people` the JPEG files as published, aligned
            by funneling, `Name_Surname/Name_Surname_0001.jpg`; for `olivetti_faces` 400 grey PNG files of 64 x 64
            pixels, `s01/01.png`, in which scikit-learn's 0..1 is 0..255.
        parts: an existing folder that is scikit-learn's data folder; what is there whole is not fetched again.

    Returns:
        The archive's path.

    Raises:
        UserError: it can't be downloaded, or is not what scikit-learn expects.
    """
    name = settings.dataset
    pictures = {"lfw_people": _lfw_people, "olivetti_faces": _olivetti_faces}[name]
    for left in [*parts.glob("*.part_*"), *parts.glob("*/*.part_*")]:
        left.unlink()  # the fetchers start a broken download again under another name
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
    try:
        root, files = pictures(parts)
    except (URLError, HTTPException, ConnectionError, TimeoutError) as error:
        reason = error if isinstance(error, HTTPError) else getattr(error, "reason", error)
        raise UserError(
            f"could not fetch {name} with scikit-learn ({reason}); check the network and run `dvc repro` again"
        ) from None
    except (tarfile.TarError, BadGzipFile, EOFError, zlib.error) as error:
        shutil.rmtree(parts)
        raise UserError(f"{name}: an archive that was left is damaged ({error}) and removed; run again") from None
    except OSError as error:
        if error.errno is not None:
            raise
        # the fetchers' own, and without a number: a checksum that differs
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
        # The fetcher takes any folder for whole, and removes the archive once all of it is unpacked.
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
    """A grey picture, (height, width), as a PNG file without compression: the same bytes with every zlib.

    Args:
        grey: at most 65,535 bytes together with one a row, what fits into one stored block.

    Returns:
        The file, see https://www.w3.org/TR/png-3/ and RFC 1950 and 1951 for the block.
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
