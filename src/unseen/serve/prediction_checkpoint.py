"""A checkpoint of a long prediction, so that a stopped run can be resumed.

The checkpoint is an SQLite database beside the output. It stores the rows of each picture with its path, size and
modification time, and is deleted when the outputs are complete. Memory is constant for any number of pictures.
"""

import errno
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from unseen.core.errors import UserError
from unseen.core.files import check_replaceable

FORMAT = 1
"""Version of the format. A checkpoint of another version can't be resumed."""


COMMIT_EVERY = 1000
"""Number of pictures after which their places are committed."""


TRY_AGAIN = (-2, -2)
"""Size and modification time that no file has. They are stored for a file that could not be read, so that it is read
again: storage may fail temporarily, and permissions may change without a new modification time."""


class Key(NamedTuple):
    """Identifies a picture. A file whose size or modification time has changed is scored again."""

    path: str
    size: int
    mtime_ns: int


def key_of(path: str) -> Key:
    """Return the key of a path; size and modification time are -1 if the file is missing or not accessible."""
    try:
        found = os.stat(path)
    except OSError:
        return Key(path, -1, -1)
    return Key(path, found.st_size, found.st_mtime_ns)


class PredictionCheckpoint:
    """Stored rows of each picture. Thread-safe, but only one process can open it."""

    def __init__(self, path: Path, facts: dict[str, Any], resume: bool) -> None:
        """Open or create the checkpoint.

        Args:
            path: path of the database.
            facts: everything except the pictures that the rows depend on, as plain data.
            resume: whether to continue an earlier run.

        Raises:
            UserError: the checkpoint exists and `resume` is False, has other facts, is damaged, or is in use.
        """
        self.path, self._lock, self.earlier, self.new = path, threading.Lock(), 0, 0
        check_replaceable(path)
        if path.exists() and not resume:
            raise UserError(f"{path}: left by a stopped run; give --resume to continue it, or delete the file")
        text = json.dumps({"format": FORMAT, **facts}, sort_keys=True)
        with self._errors():
            self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
        try:
            self._begin(text)
        except BaseException:
            self.close()
            raise
        self._place = 0
        self._waiting: dict[str, tuple[Key, int]] = {}

    def _begin(self, facts: str) -> None:
        """Create the tables if they are missing, and begin this run.

        Raises:
            UserError: the database has other facts, is damaged, or is in use.
        """
        with self._errors():
            # Network storage has no shared memory, so none is used. A commit does not wait for the disk.
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
                self._base.execute(f"PRAGMA {pragma}")
            self._base.execute("CREATE TABLE IF NOT EXISTS run (number INTEGER, facts TEXT)")
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS pictures "
                "(path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, run INTEGER, place INTEGER, rows TEXT)"
            )
            begun = self._base.execute("SELECT number, facts FROM run").fetchone()
            if begun and not (isinstance(begun[0], int) and 0 < begun[0] < 2**62):
                raise self._damaged("the number of the run is not valid")
            self._run = begun[0] + 1 if begun else 1
            if begun and begun[1] != facts:
                raise UserError(
                    f"{self.path}: belongs to a run with another detector, threshold or version; use the same ones, "
                    "or delete the file"
                )
            self._base.execute("DELETE FROM run")
            self._base.execute("INSERT INTO run VALUES (?, ?)", (self._run, facts))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Convert errors of the database to errors of this project."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            text = str(error)
            if "full" in text or "disk I/O" in text:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path)) from error
            if "locked" in text:
                raise UserError(f"{self.path}: in use by another run; wait until it ends") from error
            if "unable to open" in text or "readonly" in text:
                raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(self.path)) from error
            raise self._damaged(text) from error

    def _damaged(self, why: object) -> UserError:
        return UserError(f"{self.path}: damaged ({why}); delete it to start again")

    def unknown(self, paths: Iterable[str]) -> Iterator[str]:
        """Yield the paths whose rows are not stored yet, and record the position of all paths."""
        for path in paths:
            key = key_of(path)
            with self._lock, self._errors():
                self._place += 1
                if self._place % COMMIT_EVERY == 0 and self._base.in_transaction:
                    self._base.execute("COMMIT")
                if not self._base.in_transaction:
                    self._base.execute("BEGIN")
                known = self._base.execute(
                    "UPDATE pictures SET run = ?, place = ? WHERE path = ? AND size = ? AND mtime_ns = ?",
                    (self._run, self._place, os.fsencode(path), key.size, key.mtime_ns),
                ).rowcount
                if known:
                    self.earlier += 1
                    continue
                self._waiting[path] = key, self._place
            yield path

    def add(self, group: Iterable[tuple[str, list[dict[str, Any]]]]) -> None:
        """Store the rows of paths that `unknown` yielded, in one transaction."""
        with self._lock, self._errors():
            if not self._base.in_transaction:
                self._base.execute("BEGIN")
            for path, rows in group:
                key, place = self._waiting.pop(path)
                if any(row["error"] == "unreadable" for row in rows):
                    key = Key(path, *TRY_AGAIN)
                self._base.execute(
                    "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?)",
                    (os.fsencode(path), key.size, key.mtime_ns, self._run, place, json.dumps(rows)),
                )
                self.new += 1
            self._base.execute("COMMIT")

    def rows(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of each picture of this run, in order.

        Raises:
            UserError: the database is damaged.
        """
        with self._errors():
            if self._base.in_transaction:
                self._base.execute("COMMIT")
            query = "SELECT rows FROM pictures WHERE run = ? ORDER BY place"
            for (text,) in self._base.execute(query, (self._run,)):
                try:
                    rows = json.loads(text)
                except (ValueError, TypeError, RecursionError) as error:
                    raise self._damaged(error) from None
                yield rows

    def close(self) -> None:
        """Close the database and keep the rows for a later run."""
        with suppress(sqlite3.Error):
            self._base.close()

    def remove(self) -> None:
        """Delete the database."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
