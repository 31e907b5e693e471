"""External detectors: a Python file with `predict(path) -> float`, the probability that a picture is fake."""

import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from unseen.core.errors import UserError

PREDICT = "def predict(path: str) -> float"


def _as_text(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def as_score(value: object) -> float | str:
    """Convert the result of `predict` to a probability, or return an error text.

    Numbers of NumPy and PyTorch are accepted; booleans are not.
    """
    text = " ".join(repr(value).split())[:80]
    if isinstance(value, bool | str | bytes) or type(value).__name__ in ("bool_", "bool"):
        return f"`predict` returned {text}, which is not a number"
    try:
        score = float(value)  # type: ignore[arg-type]
    except Exception:  # an external class may raise anything
        return f"`predict` returned {text}, which is not a number"
    if math.isnan(score):
        return "`predict` returned NaN"
    return score if 0 <= score <= 1 else f"`predict` returned {text}, which is outside 0 to 1"


class Plugin:
    """An external detector. Loading it runs the code of its file."""

    columns: tuple[str, ...] = ("score",)
    threshold: float | None = None

    def __init__(self, path: Path) -> None:
        """Run the file. It can import modules from its folder, as if it were run as a script.

        Raises:
            UserError: the file raises an error, or has no function `predict`.
        """
        sys.path.insert(0, str(path.resolve().parent))
        name = f"plugin_{path.stem}"
        module = sys.modules[name] = ModuleType(name)
        module.__file__ = str(path.resolve())
        try:
            # an import would write bytecode into the user's folder, and might use old bytecode
            exec(compile(path.read_bytes(), module.__file__, "exec"), module.__dict__)
        except (Exception, SystemExit) as error:
            raise UserError(f"{path}: can't be loaded: {_as_text(error)}") from error
        if not callable(predict := getattr(module, "predict", None)):
            raise UserError(f"{path}: has no function `predict`; write one: {PREDICT}")
        self._predict: Any = predict
        scope = f"{path}: unknown scope: its training data and its TPR are not known"
        self.scope: dict[str, Any] = {"detector": str(path), "scope": scope}

    def answers(self, paths: Iterable[str]) -> Iterator[dict[str, float | str] | str]:
        """Yield for each path, in order, `score`, or an error text."""
        for path in paths:
            try:
                score = as_score(self._predict(path))
            except (Exception, SystemExit) as error:
                score = f"`predict` raised {_as_text(error)}"
            yield score if isinstance(score, str) else {"score": score}
