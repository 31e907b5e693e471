"""Fuzz the parsers for a long time: `python tests/fuzz/run.py [TARGET ...] --seconds 60`.

With Atheris, coverage guides the search. Without it, corpus files are damaged at random. Each target runs in
a process of its own with limits on memory and on the time of one input, so a crash of native code and an endless loop
are findings too. `make fuzz` installs Atheris first.
"""

import argparse
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

MEMORY = 8 << 30
"""Limit in bytes of a process; libraries reserve more than they use."""

PATIENCE = 10
"""Limit in seconds for one input."""

MOST = 65_536
"""Limit in bytes for one input."""


def fuzz_with_atheris(name: str, seconds: int, findings: Path) -> None:
    """Run libFuzzer, which does not return."""
    import atheris

    with atheris.instrument_imports(include=["unseen", "zipfile", "tarfile", "csv"]):  # others take minutes
        from fuzz.targets import TARGETS, corpus, tokens_of

        for path in corpus(name):
            TARGETS[name](path.read_bytes())  # imports the parser
    own = findings / f"{name}-corpus"
    own.mkdir(parents=True, exist_ok=True)
    words = findings / f"{name}.dict"
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in one[:60]) + '"\n' for one in tokens_of(name)))
    options = {
        "max_total_time": seconds,
        "timeout": PATIENCE,
        "max_len": MOST,
        "rss_limit_mb": MEMORY >> 20,
        "print_final_stats": 1,
        "verbosity": 0,
    }
    arguments = [f"-{key}={value}" for key, value in options.items()]
    arguments += [f"-dict={words}", f"-artifact_prefix={findings / name}-", str(own), str(corpus(name)[0].parent)]

    def check(data: bytes) -> None:
        try:
            TARGETS[name](data)
        except BaseException:  # libFuzzer writes the input of a crash, but not that of an exception
            (findings / f"{name}-found").write_bytes(data)
            raise

    atheris.Setup([sys.argv[0], *arguments], check)
    atheris.Fuzz()


def _spliced(data: bytes, tokens: tuple[bytes, ...], draw: random.Random) -> bytes:
    """A file with tokens of its language written into it or over it."""
    mutable = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 5))):
        at, word = draw.randrange(len(mutable) + 1), draw.choice(tokens)
        mutable[at : at + draw.choice((0, 1, len(word)))] = word
    return bytes(mutable)


def fuzz_at_random(name: str, seconds: int, findings: Path) -> None:
    """Damage files of the corpus until the time is over; stop at the first finding."""
    from damaged_pictures import damaged
    from fuzz.targets import TARGETS, corpus, tokens_of

    target: Callable[[bytes], bool] = TARGETS[name]
    files = [path.read_bytes() for path in corpus(name)]
    for data in files:
        target(data)  # imports the parser
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    draw, runs, accepted = random.Random(seconds), 0, 0
    end = time.monotonic() + seconds
    found = findings / f"{name}-found"
    while time.monotonic() < end:
        data = draw.choice(files)
        data = damaged(data, draw) if data and draw.random() < 0.5 else _spliced(data, tokens_of(name), draw)
        found.write_bytes(data)  # left behind by a crash of native code
        signal.alarm(PATIENCE)
        accepted += target(data[:MOST])
        signal.alarm(0)
        runs += 1
    found.unlink()
    print(f"{name}: {runs} inputs, {accepted} accepted")


def main() -> int:
    """Fuzz each target in a process of its own. Returns 1 if there are findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, help="for each target; default: %(default)s")
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz"), help="folder; default: %(default)s")
    parser.add_argument("--random", action="store_true", help="do not use Atheris")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.findings.mkdir(parents=True, exist_ok=True)
    guided = not arguments.random and find_spec("atheris") is not None
    if arguments.here:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))
        run: Any = fuzz_with_atheris if guided else fuzz_at_random
        run(arguments.targets[0], arguments.seconds, arguments.findings)
        return 0
    from fuzz.targets import TARGETS

    failed = []
    for name in arguments.targets or TARGETS:
        command = [sys.executable, __file__, name, "--here", "--seconds", str(arguments.seconds)]
        command += ["--findings", str(arguments.findings), *(["--random"] if arguments.random else [])]
        log = arguments.findings / f"{name}.log"
        with log.open("wb") as file:
            code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
        lines = log.read_text(errors="replace").splitlines()
        counts = [line for line in lines if "number_of_executed_units" in line or " inputs, " in line]
        print(f"{name}: {'ok' if not code else f'FAILED, see {log}'} {' '.join(counts[-1:])}", flush=True)
        failed += [name] if code else []
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
