"""Files on any file system of fsspec: a local folder, `s3://`, `gs://`, `hf://`, `memory://`. Imports no backend."""

import os
from pathlib import Path
from typing import Any

from unseen.core.errors import UserError
from unseen.core.files import FULL, atomic_file
from unseen.faces.decode import BadPictureError
from unseen.serve.inputs import read
from unseen.serve.prediction import NotScored
from unseen.sources.shared.entry import MAX_MEMBER_BYTES


class Store:
    """A file or folder on a file system.

    Attributes:
        url: URL as given.
        fs: the file system of fsspec.
        root: the path of `url` in `fs`.
    """

    def __init__(self, url: str) -> None:
        """Open a store.

        Raises:
            UserError: the protocol is not known, or its package is not installed.
        """
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        try:
            fs, root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise UserError(f"{url}: {error}; give a local path, or a URL that fsspec can open here") from None
        self.url, self.fs, self.root = url, fs, str(root)

    @property
    def is_local(self) -> bool:
        """Whether this is a local path."""
        return "file" in ([self.fs.protocol] if isinstance(self.fs.protocol, str) else self.fs.protocol)

    def path(self, name: str = "") -> str:
        """Return the path in `fs` of a name in this folder. An absolute path or URL is not changed."""
        if name.startswith("/") or "://" in name:
            return name
        return f"{self.root.rstrip('/')}/{name}" if name else self.root

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically: by rename on a local disk, in one request on remote storage.

        Raises:
            UserError: the disk is full; the job can be resumed from here.
            OSError: the file can't be written for another reason.
        """
        try:
            if self.is_local:
                with atomic_file(Path(self.path(name))) as part:
                    part.write_bytes(data)
            else:
                self.fs.pipe_file(self.path(name), data)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise UserError(
                f"{self.path(name)}: can't be written: {os.strerror(error.errno)}; free some space, then run the "
                "same command again to resume"
            ) from None


def read_picture(store: Store, name: str) -> bytes | NotScored:
    """Read the bytes of a picture's file, or return the reason why it can't be read."""
    path = store.path(name)
    try:
        if "://" in path:
            store = Store(path)
            path = store.root
        if store.is_local:
            return read(path)
        with store.fs.open(path, "rb") as file:
            data: Any = file.read(MAX_MEMBER_BYTES + 1)
        return bytes(data)
    except BadPictureError as bad:
        return NotScored(bad.reason, bad.detail)
    except FileNotFoundError:
        return NotScored("not_found", "no such file")
    except (OSError, UserError) as error:
        return NotScored("unreadable", getattr(error, "strerror", None) or str(error))
