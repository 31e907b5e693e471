"""The rows of a long prediction so far, on disk, so that it can go on after it was stopped.

The checkpoint is an SQLite database beside the output. It has the rows of each picture with its path, size and time
of modification, and is removed when the outputs are complete. Memory is constant for any number of pictures.
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
"""Of the checkpoint; another version can't go on with it."""


COMMIT_EVERY = 1000
"""Pictures whose places are stored at once."""


TRY_AGAIN = (-2, -2)
"""Size and time of no file, stored for one that could not be read: storage may fail for a while, or permissions
change, without a new time of modification."""


class Key(NamedTuple):
    """What identifies a picture: a file with another size or time of modification is scored again."""

    path: str
    size: int
    mtime_ns: int


def key_of(path: str) -> Key:
    """The key of a path; a size of -1 if it is missing or can't be looked at."""
    try:
        found = os.stat(path)
    except OSError:
        return Key(path, -1, -1)
    return Key(path, found.st_size, found.st_mtime_ns)


class PredictionCheckpoint:
    """Rows by picture. Several threads may use it; only one process can."""

    def __init__(self, path: Path, facts: dict[str, Any], resume: bool) -> None:
        """Open or create the checkpoint.

        Args:
            path: of the database.
            facts: what the rows depend on besides the pictures, as plain data.
            resume: whether to go on with an earlier run.

        Raises:
            UserError: it exists and `resume` is False, was begun with other facts, is damaged, or is in use.
        """
        self.path, self._lock, self.earlier, self.new = path, threading.Lock(), 0, 0
        check_replaceable(path)
        if path.exists() and not resume:
            raise UserError(f"{path}: left by a run that was stopped; give --resume to go on with it, or delete it")
        text = json.dumps({"format": FORMAT, **facts}, sort_keys=True)
        with self._errors():
            self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
            # Without shared memory, which network storage does not have; a commit does not wait for the disk.
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
                self._base.execute(f"PRAGMA {pragma}")
            self._base.execute("CREATE TABLE IF NOT EXISTS run (number INTEGER, facts TEXT)")
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS pictures "
                "(path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, run INTEGER, place INTEGER, rows TEXT)"
            )
            begun = self._base.execute("SELECT number, facts FROM run").fetchone()
            self._run = begun[0] + 1 if begun else 1
            if begun and begun[1] != text:
                self._base.close()
                raise UserError(
                    f"{path}: was begun with another detector, threshold or version; use the same ones, or delete it"
                )
            self._base.execute("DELETE FROM run")
            self._base.execute("INSERT INTO run VALUES (?, ?)", (self._run, text))
        self._place = 0
        self._waiting: dict[str, tuple[Key, int]] = {}

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn errors of the database into those of this project."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            text = str(error)
            if "full" in text or "disk I/O" in text:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path)) from error
            if "locked" in text:
                raise UserError(f"{self.path}: another run is writing it; wait for its end") from error
            if "unable to open" in text or "readonly" in text:
                raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(self.path)) from error
            raise UserError(f"{self.path}: damaged ({text}); delete it to begin anew") from error

    def unknown(self, paths: Iterable[str]) -> Iterator[str]:
        """Yield the paths whose rows are not here yet, and note the place of all of them."""
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
        """Store the rows of some paths that `unknown` has yielded, all or none of them."""
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
        """Yield the rows of each picture of this run, in order."""
        with self._errors():
            if self._base.in_transaction:
                self._base.execute("COMMIT")
            query = "SELECT rows FROM pictures WHERE run = ? ORDER BY place"
            for (text,) in self._base.execute(query, (self._run,)):
                yield json.loads(text)

    def close(self) -> None:
        """Keep the rows for another run."""
        with suppress(sqlite3.Error):
            self._base.close()

    def remove(self) -> None:
        """Delete the database."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
