"""A headless Chromium, driven through its DevTools protocol over a pipe: no port, no package.

https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-extensions"]
PATIENCE = 60.0
"""Seconds for one answer: the machine may be busy."""

AS_3_AND_4 = """import os, sys
from fcntl import F_DUPFD, fcntl
high = [fcntl(number, F_DUPFD, 10) for number in ({0}, {1})]  # out of the way of 3 and 4
os.dup2(high[0], 3)
os.dup2(high[1], 4)
os.execv(sys.argv[1], sys.argv[1:])"""
"""Chromium reads commands from descriptor 3 and writes answers to 4."""


class Tab:
    """One page.

    Attributes:
        requests: every address that was asked for.
        complaints: what the console and uncaught errors said.
    """

    def __init__(self, to: int, answers: int) -> None:
        self._to, self._answers, self._left = to, answers, b""
        self._numbers = itertools.count(1)
        self._session = ""
        self._events: list[str] = []
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._ask(f"{domain}.enable")

    def _message(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._answers, 1 << 20) if ready else b""
            assert piece, "the browser is silent"
            self._left += piece
        first, self._left = self._left.split(b"\0", 1)
        message: dict[str, Any] = json.loads(first)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        name, found = message.get("method", ""), message.get("params", {})
        self._events.append(name)
        if name == "Network.requestWillBeSent":
            self.requests.append(found["request"]["url"])
        if name == "Log.entryAdded":
            self.complaints.append(found["entry"]["text"])
        if name == "Runtime.consoleAPICalled":
            self.complaints.append(str(found["args"]))
        if name == "Runtime.exceptionThrown":
            self.complaints.append(str(found["exceptionDetails"]))

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, page: Path | str) -> None:
        """Load a file or an address and wait until all of it is there."""
        self._events.clear()
        self._ask("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while "Page.loadEventFired" not in self._events:
            self._message()

    def size(self, width: int, height: int = 800) -> None:
        """Be a window of so many CSS pixels."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def dark(self, dark: bool) -> None:
        """Prefer dark or light colours."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[feature])

    def paper(self, paper: bool) -> None:
        """Look as on paper, or as on a screen."""
        self._ask("Emulation.setEmulatedMedia", media="print" if paper else "")

    def without_scripts(self, off: bool = True) -> None:
        """Run no script of pages that are opened from now on."""
        self._ask("Emulation.setScriptExecutionDisabled", value=off)

    def before_scripts(self, source: str) -> None:
        """Run a script before those of pages that are opened from now on."""
        self._ask("Page.addScriptToEvaluateOnNewDocument", source=source)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to."""
        found = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def click(self, selector: str) -> None:
        """Click in the middle of an element, as a mouse does."""
        scrolled = f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})"
        self.value(scrolled)
        box = self.value(
            f"(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Press and release Tab or Enter."""
        codes = {"Tab": (9, ""), "Enter": (13, "\r")}
        code, text = codes[key]
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self._ask("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self._ask("Input.dispatchKeyEvent", type="keyUp", **common)

    def choose(self, selector: str, *files: Path) -> None:
        """Choose files in an input, as a user does in the dialog."""
        root = self._ask("DOM.getDocument")["root"]["nodeId"]
        found = self._ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._ask("DOM.setFileInputFiles", nodeId=found, files=[str(file) for file in files])

    def picture(self, path: Path, whole: bool = False) -> None:
        """Save what is seen, or the whole page, as a PNG file."""
        found = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Tab]:
    """A browser with one tab, its profile below `folder`; it ends with the block."""
    assert PROGRAM
    read_by_it, to = os.pipe()
    answers, written_by_it = os.pipe()
    command = [PROGRAM, *FLAGS, *QUIET, "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"]
    starter = [sys.executable, "-c", AS_3_AND_4.format(read_by_it, written_by_it), *command]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(starter, pass_fds=(read_by_it, written_by_it), stdout=log, stderr=log)
    os.close(read_by_it)
    os.close(written_by_it)
    try:
        yield Tab(to, answers)
    finally:
        os.close(to)
        os.close(answers)
        process.terminate()
        process.wait(PATIENCE)
