"""Encoded crops in a temporary file, so that memory does not grow with their number."""

import tempfile
from array import array
from collections.abc import Sequence
from threading import Lock
from typing import overload


class CropFile(Sequence[bytes]):
    """Encoded crops in a file without a name, which the system removes with the process; 8 bytes of memory a crop.

    A crop that is read again and again comes from the system's cache of files, which uses memory that no program
    needs. The file is in the system's temporary folder, which the variable TMPDIR changes.
    """

    def __init__(self) -> None:
        """Make an empty file."""
        self._file = tempfile.TemporaryFile(prefix="unseen-")  # noqa: SIM115, as long as this object
        self._ends = array("q", [0])
        self._lock = Lock()

    def extend(self, jpegs: Sequence[bytes]) -> None:
        """Add crops at the end.

        Raises:
            OSError: the file can't be written; its `filename` is the temporary folder.
        """
        try:
            self._file.seek(self._ends[-1])
            self._file.write(b"".join(jpegs))
            self._file.flush()
        except OSError as error:
            error.filename = tempfile.gettempdir()
            raise
        for jpeg in jpegs:
            self._ends.append(self._ends[-1] + len(jpeg))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, place: int) -> bytes: ...

    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...

    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        row = range(len(self))[place]
        start, end = self._ends[row], self._ends[row + 1]
        with self._lock:  # several threads decode a batch
            self._file.seek(start)
            return self._file.read(end - start)
