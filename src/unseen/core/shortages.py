"""Recognise exceptions that mean that the machine lacks something: disk space, permission, memory, files, threads.

Stages and the command line print such an exception as one line. Its traceback would not tell what to do.
Little is imported, because memory may be short while a program imports the rest.
"""

import errno
import mmap
import os
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

FULL = (errno.ENOSPC, errno.EDQUOT)

ADVICE = {
    **dict.fromkeys(FULL, "free some space"),
    errno.EFBIG: "raise the limit on the size of files (`ulimit -f`)",
    **dict.fromkeys((errno.EACCES, errno.EROFS), "check the permissions"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "raise the limit on open files (`ulimit -n`)"),
    errno.EIO: "check the disk",
    errno.ENOMEM: "free some memory, or raise its limit",
}
"""What to do, by error number."""

MEMORY = re.compile(
    r"MemoryError|bad_alloc|bad allocation|out of memory|not enough memory|failed to map segment"
    r"|could not create a primitive"
    r"|(?:can'?t|cannot|unable to|failed to) (?:be )?alloc(?:ate)?\b|could not allocate",
    re.IGNORECASE,
)
"""What libraries write in their own exceptions when memory is short."""

THREADS = re.compile(r"can't start new thread|pthread_create|Thread creation failed", re.IGNORECASE)

PRINTED = re.compile(r"(?:OSError|PermissionError): \[Errno (\d+)\]")
"""The last line of a traceback of Python."""

COPIED = re.compile(r"\[Errno (\d+)\] [^:]*: '([^']*)'")
"""An error in a `shutil.Error`, which collects the texts of many."""


class Shortage(NamedTuple):
    """What is lacking, in the system's words; the file (empty if it is not known); what to do."""

    what: str
    file: str
    advice: str


def _of_system(number: int, file: str) -> Shortage | None:
    if number not in ADVICE:
        return None
    if number in FULL and file and _no_inodes(file):
        return Shortage("No inodes left on device", file, "remove files that you don't need (`df -i` shows how many)")
    return Shortage(os.strerror(number), file, ADVICE[number])


def _no_inodes(file: str) -> bool:
    """Whether the file system of a path, which may be missing, can hold no more files."""
    folder = os.path.abspath(file)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    found = os.statvfs(folder)
    return found.f_files > 0 and found.f_ffree == 0


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that it was raised from."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        yield following
        seen.append(following)
        following = following.__cause__


def shortage_of(error: BaseException) -> Shortage | None:
    """What an exception says is lacking; None if it says nothing of that kind."""
    for one in _chain(error):
        found = None
        if (shutil := sys.modules.get("shutil")) and isinstance(one, shutil.Error):
            if listed := COPIED.search(str(one)):
                found = _of_system(int(listed[1]), listed[2])
        elif isinstance(one, OSError) and one.errno is not None:
            found = _of_system(one.errno, str(one.filename or ""))
            if found is None and "No usable temporary directory" in str(one):
                found = Shortage("no temporary folder can be written", "", "free some space in it, or set TMPDIR")
        elif isinstance(one, MemoryError) or MEMORY.search(f"{type(one).__name__}: {one}"):
            found = Shortage(os.strerror(errno.ENOMEM), "", ADVICE[errno.ENOMEM])
        elif THREADS.search(str(one)):
            found = Shortage("no more threads can be started", "", "raise the limit on processes (`ulimit -u`)")
        if found:
            return found
    return None


def is_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory is short."""
    found = shortage_of(error)
    return found is not None and found.advice == ADVICE[errno.ENOMEM]


def raise_shortage(error: Exception, need_bytes: int) -> None:
    """Raise an exception again if it is a shortage, for a reader that takes every other one for a damaged file.

    A damaged file can also ask for an absurd amount of memory. So an exception of memory is raised only if this
    process can't get what a sound file takes.

    Args:
        error: the exception of the reader.
        need_bytes: of memory, what reading a sound file takes at most.
    """
    found = shortage_of(error)
    if found is None:
        return
    if is_of_memory(error):
        try:
            mmap.mmap(-1, need_bytes).close()  # takes address space only
        except (OSError, MemoryError):
            raise MemoryError from error
        return
    raise error


def raise_printed(text: str, file: str) -> None:
    """Raise the shortage that the output of another program reports, if it reports one.

    Args:
        text: what the program printed, for instance a traceback of Python.
        file: what it was to write.
    """
    for found in PRINTED.findall(text):
        if int(found) in ADVICE:
            raise OSError(int(found), os.strerror(int(found)), file)
    if MEMORY.search(text):
        raise MemoryError(file)
