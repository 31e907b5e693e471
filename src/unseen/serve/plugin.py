"""Anybody's detector: a Python file with `predict(path) -> float`, the probability that a picture is fake."""

import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from unseen.core.errors import UserError

PREDICT = "def predict(path: str) -> float"


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def as_score(value: object) -> float | str:
    """An answer as a probability, or what is wrong with it. Numbers of NumPy and PyTorch are numbers, verdicts such
    as True are none."""
    text = " ".join(repr(value).split())[:80]
    if isinstance(value, bool | str | bytes) or type(value).__name__ in ("bool_", "bool"):
        return f"`predict` gave {text}, which is not a number"
    try:
        score = float(value)  # type: ignore[arg-type]
    except Exception:  # whatever an object of somebody else's raises, it is no number
        return f"`predict` gave {text}, which is not a number"
    if math.isnan(score):
        return "`predict` gave NaN"
    return score if 0 <= score <= 1 else f"`predict` gave {text}, which is outside 0 to 1"


class Plugin:
    """A loaded file. Its code has been run."""

    columns: tuple[str, ...] = ("score",)
    threshold: float | None = None

    def __init__(self, path: Path) -> None:
        """Run the file; modules beside it can be imported, as if it had been started.

        Raises:
            UserError: it does not run, or has no function `predict`.
        """
        sys.path.insert(0, str(path.resolve().parent))
        name = f"plugin_{path.stem}"
        module = sys.modules[name] = ModuleType(name)
        module.__file__ = str(path.resolve())
        try:
            # not by an import: that would leave byte code in somebody's folder, and might take an older one
            exec(compile(path.read_bytes(), module.__file__, "exec"), module.__dict__)
        except (Exception, SystemExit) as error:
            raise UserError(f"{path}: does not load: {_said(error)}") from error
        if not callable(predict := getattr(module, "predict", None)):
            raise UserError(f"{path}: has no function `predict`; write one: {PREDICT}")
        self._predict: Any = predict
        said = f"{path}: of unknown scope: what it was trained on and what it catches is not known here"
        self.scope: dict[str, Any] = {"detector": str(path), "scope": said}

    def answers(self, paths: Iterable[str]) -> Iterator[dict[str, float | str] | str]:
        """For each path, in order, `score`, or why there is none."""
        for path in paths:
            try:
                score = as_score(self._predict(path))
            except (Exception, SystemExit) as error:
                score = f"`predict` raised {_said(error)}"
            yield score if isinstance(score, str) else {"score": score}
