"""External detectors: a Python file with `predict(path) -> float`, the probability that a picture is fake."""

import codecs
import io
import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from unseen.core.errors import UserError, printable

PREDICT = "def predict(path: str) -> float"


class _ExitError(BaseException):
    """A plugin called `os._exit`, which would end the command without a message and with the plugin's exit code."""


def _as_text(error: BaseException) -> str:
    """Format an error in one line. Converting it to text may also run code of the plugin."""
    if isinstance(error, _ExitError):
        return str(error)
    try:
        return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    except Exception:
        return type(error).__name__


class _Escaped(io.RawIOBase):
    """A UTF-8 stream that writes to another one and escapes control characters."""

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._in_line = False

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """Write bytes. A carriage return becomes a line feed, so that progress bars are readable and hide no other
        line."""
        text = self._decoder.decode(bytes(data)).replace("\r\n", "\n").replace("\r", "\n")
        if text:
            self._target.write("".join(c if c in "\n\t" else printable(c) for c in text))
            self._in_line = not text.endswith("\n")
        return len(data)

    def end_line(self) -> None:
        """Start a new line if there is text in this one."""
        if self._in_line:
            self.write(b"\n")


def as_score(value: object) -> float | str:
    """Convert the result of `predict` to a probability, or return an error text.

    NumPy and PyTorch numbers are accepted; booleans are not.
    """
    text = " ".join(repr(value).split())[:80]
    if isinstance(value, bool | str | bytes) or type(value).__name__ in ("bool_", "bool"):
        return f"`predict` returned {text}, which is not a number"
    try:
        score = float(value)  # type: ignore[arg-type]
    except Exception:  # an external class may raise any exception
        return f"`predict` returned {text}, which is not a number"
    if math.isnan(score):
        return "`predict` returned NaN"
    return score if 0 <= score <= 1 else f"`predict` returned {text}, which is outside 0 to 1"


class Plugin:
    """An external detector. Loading it runs the code of its file.

    The code runs in this process. What it prints goes to standard error, escaped. If it calls `sys.exit` or
    `os._exit`, the picture has no score. It can end the process by other means: `os.kill`, native code,
    or `os._exit` in a thread of the plugin between two calls. Then no file is written, and the plugin determines the
    exit code.
    """

    columns: tuple[str, ...] = ("score",)
    threshold: float | None = None

    def __init__(self, path: Path) -> None:
        """Run the file. It can import modules from its folder, as if it were run as a script.

        Raises:
            UserError: the file raises an error, or has no function `predict`.
        """
        self._raw = _Escaped(sys.stderr)
        buffer = io.BufferedWriter(self._raw)
        self._printed = io.TextIOWrapper(
            buffer, encoding="utf-8", errors="backslashreplace", newline="\n", line_buffering=True
        )
        sys.path.insert(0, str(path.resolve().parent))
        name = f"plugin_{path.stem}"
        module = sys.modules[name] = ModuleType(name)
        module.__file__ = str(path.resolve())
        try:
            with self._contained():
                # an import would write bytecode into the user's folder, and might use old bytecode
                exec(compile(path.read_bytes(), module.__file__, "exec"), module.__dict__)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise UserError(f"{path}: can't be loaded: {_as_text(error)}") from error
        if not callable(predict := getattr(module, "predict", None)):
            raise UserError(f"{path}: has no function `predict`; write one: {PREDICT}")
        self._predict: Any = predict
        scope = f"{path}: unknown scope: its training data and its TPR are not known"
        self.scope: dict[str, Any] = {"detector": str(path), "scope": scope}

    @contextmanager
    def _contained(self) -> Iterator[None]:
        """Run code of the plugin within the limits that the class describes."""
        process, leave = os.getpid(), os._exit

        def refuse(status: int) -> None:
            if os.getpid() != process:
                leave(status)  # a child that the plugin has forked
            raise _ExitError(f"os._exit({status})")

        os._exit = refuse  # type: ignore[assignment]
        try:
            with redirect_stdout(self._printed), redirect_stderr(self._printed):
                yield
        finally:
            os._exit = leave
            with suppress(ValueError):  # the plugin has closed it
                self._printed.flush()
                self._raw.end_line()

    def answers(self, paths: Iterable[str]) -> Iterator[dict[str, float | str] | str]:
        """Yield for each path, in order, `score`, or an error text."""
        for path in paths:
            try:
                with self._contained():
                    score = as_score(self._predict(path))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                score = f"`predict` raised {_as_text(error)}"
            yield score if isinstance(score, str) else {"score": score}
