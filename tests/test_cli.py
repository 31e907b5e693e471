"""The command line as a whole: usage, exit codes, and what it takes to answer at once."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from commands.program import ROOT, program, run
from unseen import cli
from unseen.cli import main
from unseen.commands import check


@pytest.mark.parametrize("arguments", [["predict"], ["predict", "--nonsense", "a"], ["nonsense"]])
def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: unseen" in capsys.readouterr().err


def test_help_documents_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["predict", "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for code in ("0 ", "1 ", "2 ", "130", "141"):
        assert re.search(rf"^  {code} +\w", text, re.MULTILINE)


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "run", stop)
    assert run(capsys, "check") == (130, [], [])


def test_a_reader_that_went_away() -> None:
    read, write = os.pipe()
    os.close(read)
    done = program("check", ROOT / "params.yaml", stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_without_arguments_it_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys)
    assert (code, out) == (2, [])
    assert err[0].startswith("usage: unseen")
    assert any(line.strip().startswith("predict") for line in err)


COMMANDS = [
    ["--help"],
    ["--version"],
    ["check"],
    ["check", "--help"],
    ["sources"],
    ["results"],
    ["accept", "a"],
    ["compare", "a.csv", "b.csv"],
    ["evaluate", "a.csv"],
    ["portrait", "gone/a.png"],
    ["predict", "a.png"],
    ["score", "--detector", "a.py", "--out", "a.csv"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_closed_output_is_one_line(command: list[str]) -> None:
    line = "unseen: standard output is closed; direct it to a file or to the null device"
    done = in_a_shell(command, ">&-")
    assert (done.returncode, done.stderr.splitlines()) == (2, [line])


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["check"], ["sources"]], ids=" ".join)
@pytest.mark.parametrize("redirection", [">&- 2>&-", "<&- >&- 2>&-", "1</dev/null", "1</dev/null 2>&-"])
def test_an_output_that_can_not_be_written_is_one_line_or_silence(command: list[str], redirection: str) -> None:
    done = in_a_shell(command, redirection)
    silent = "2>&-" in redirection
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 0 if silent else 1), done.stderr


def test_a_closed_standard_error_is_not_the_output() -> None:
    for command in (["check"], ["check", "gone.yaml"]):
        done = in_a_shell(command, "2>&-")
        assert done.stderr == ""
        assert done.returncode == (2 if "gone.yaml" in command else 0)
        assert ("valid" in done.stdout) == (done.returncode == 0)
        assert "gone" not in done.stdout


def in_a_shell(command: list[str], redirection: str) -> subprocess.CompletedProcess[str]:
    """`unseen` with other streams."""
    program = shlex.join([sys.executable, "-m", "unseen.cli", *command])
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        ["sh", "-c", f"{program} {redirection}"], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "version", lambda name: f"9.9 of {name}")
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == "unseen 9.9 of unseen\n"


LIGHT = """
import sys
from unseen.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
print("for help:", sorted({"numpy", "pydantic", "requests", "yaml"} & set(sys.modules)))
assert main(["check", sys.argv[1]]) == 0
assert main(["sources"]) == 0
for command in ("predict", "score", "evaluate", "compare"):
    try:
        main([command, "--help"])
    except SystemExit:
        pass
print("heavy:", sorted({"torch", "timm", "onnxruntime", "pandas", "pyarrow", "sklearn", "kaggle"} & set(sys.modules)))
"""


def test_help_check_and_sources_import_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, str(ROOT / "params.yaml")],
        env={"PYTHONPATH": str(ROOT / "src")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert "for help: []" in lines
    assert lines[-1] == "heavy: []"
