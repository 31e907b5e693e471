"""The one kind of error that is meant for the person at the keyboard."""


class UserError(Exception):
    """What went wrong, where, and what to do about it, in one line without a traceback.

    The library raises it; the stage scripts and the command line print it. Anything else that
    escapes is a bug of ours and keeps its traceback.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))
