"""The one kind of error that is meant for the person at the keyboard."""


def printable(text: str) -> str:
    """Text on one line, with everything escaped that a terminal would act on: control characters, bytes that are no
    text, marks that turn the direction of writing."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class UserError(Exception):
    """What went wrong, where, and what to do about it, in one line without a traceback.

    The library raises it; the stage scripts and the command line print it. Anything else that
    escapes is a bug of ours and keeps its traceback.
    """

    exit_code = 1
    """Of the stage that ends with it."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(" ".join(message.splitlines())))


class StoppedError(UserError):
    """A training was told to stop, and has saved what it has: the next run goes on from there."""

    def __init__(self, where: str, exit_code: int) -> None:
        super().__init__(f"told to stop at {where}; run it again to go on")
        self.exit_code = exit_code
