"""The errors whose messages are shown to the user."""


def printable(text: str) -> str:
    """Escape what a terminal would interpret: control characters, undecodable bytes, marks of writing direction."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class UserError(Exception):
    """An error that the user can fix. The message is one line: what is wrong, where, and what to do.

    The library raises it; the stage scripts and the command line print it without a traceback. Any other
    uncaught exception is a bug and keeps its traceback.
    """

    exit_code = 1
    """Exit code of a stage that ends with this error."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(" ".join(message.splitlines())))


class StoppedError(UserError):
    """A training was stopped by a signal or time limit and has written a checkpoint. The next run resumes from it."""

    def __init__(self, where: str, exit_code: int) -> None:
        super().__init__(f"stopped at {where}; run it again to resume")
        self.exit_code = exit_code
