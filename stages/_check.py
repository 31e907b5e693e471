"""Check a params file: `_check.py FILE` is `python -m unseen.params.check FILE`, with one line if memory is short."""

import runpy

import _stage  # noqa: F401 - sets the import path and the handler of uncaught exceptions

if __name__ == "__main__":
    runpy.run_module("unseen.params.check", run_name="__main__", alter_sys=False)
