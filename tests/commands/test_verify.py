"""`unseen verify`: a run that found the same, one that did not, and what can't be compared."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .program import run

FINDINGS = Path("metrics/findings.json")
AUC, FPR = "cnn on unseen: AUC", "cnn on people: FPR"
CUE = "cnn on unseen: AUC against the best cue"
OTHERWISE = "not stated: another training may say otherwise"


def number(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "seeds": {}, "range": [low, high]}


def found(**changes: Any) -> dict[str, Any]:
    """Findings of a run."""
    return {
        "params": "0123",
        "training_seeds": 3,
        "exact": {"orl: faces": 400},
        "numbers": {AUC: number(0.812, 0.7, 0.9), FPR: number(0.05, 0.0, 0.7)},
        "claims": {
            "cnn on unseen: AUC against chance": {"is": "above", "stated": True},
            CUE: {"is": "better", "stated": False, "numbers": [AUC]},
        },
        **changes,
    }


def store(path: Path, findings: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(findings))


def git(*arguments: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with committed findings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    git("init", "-q")
    store(FINDINGS, found())
    git("add", "-A")
    git("commit", "-q", "-m", "run")
    return tmp_path


def test_a_run_that_found_the_same(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = {AUC: number(0.75, 0.6, 0.8), FPR: number(0.9, 0.8, 1.0)}
    claims = {CUE: {"is": "not shown to be better", "stated": True}}
    store(FINDINGS, found(numbers=here, claims={**found()["claims"], **claims}))
    code, out, err = run(capsys, "verify")
    assert (code, err) == (0, [])
    rows = [[cell for cell in line.split("  ") if cell] for line in out]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["finding", "HEAD:metrics/findings.json", "here", "result"],
        ["orl: faces", "400", "400", "holds"],
        [AUC, "0.812 (0.700 to 0.900)", "0.750", "holds"],
        [FPR, "0.050 (0.000 to 0.700)", "0.900", "not stated: range too wide"],
        ["cnn on unseen: AUC against chance", "above", "above", "holds"],
        [CUE, "better", "not shown to be better", f"{OTHERWISE} (range 0.700 to 0.900)"],
        ["3 findings hold, 0 do not, 2 not stated"],
    ]


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"exact": {"orl: faces": 399}}, "orl: faces"),
        ({"numbers": {**found()["numbers"], AUC: number(0.694, 0.6, 0.8)}}, AUC),
        ({"numbers": {FPR: number(0.05, 0.0, 0.7)}}, AUC),
        (
            {
                "claims": {
                    "cnn on unseen: AUC against chance": {"is": "not shown to differ", "stated": False},
                    CUE: {"is": "better", "stated": True},
                }
            },
            "cnn on unseen: AUC against chance",
        ),
    ],
)
def test_a_run_that_did_not(
    project: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], failed: str
) -> None:
    store(FINDINGS, found(**changes))
    code, out, err = run(capsys, "verify", "--json")
    assert (code, len(out), err) == (1, 1, [])
    told = json.loads(out[0])
    assert (told["against"], told["holds"]) == ("HEAD:metrics/findings.json", False)
    assert [one["finding"] for one in told["findings"] if one["outcome"] == "does not hold"] == [failed]
    code, out, _ = run(capsys, "verify")
    assert code == 1
    assert ", 1 do not, " in out[-1]


def test_what_is_compared_with_may_be_a_file_a_folder_or_a_revision(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(Path("metrics/report.html"), {})  # a run writes it
    store(FINDINGS, found(exact={"orl: faces": 1}))
    git("commit", "-q", "-a", "-m", "another run")
    store(project / "other/metrics/findings.json", found(exact={"orl: faces": 1}))
    for against in ("HEAD", "other", "other/metrics", "other/metrics/findings.json"):
        assert run(capsys, "verify", "--against", against)[0] == 0
    assert run(capsys, "verify", "--against", "HEAD~1")[0] == 1


def test_in_a_folder_of_a_repository_it_is_the_findings_of_that_folder(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store(project / "inner/metrics/findings.json", found(exact={"orl: faces": 7}))
    git("add", "-A")
    git("commit", "-q", "-m", "inner")
    monkeypatch.chdir(project / "inner")
    store(Path("metrics/report.html"), {})
    assert run(capsys, "verify")[0] == 0
    store(FINDINGS, found())
    assert run(capsys, "verify")[0] == 1


def test_a_clone_without_a_run_is_not_compared_with_itself(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "verify")
    assert code == 2
    assert (
        "is the committed file (HEAD:metrics/findings.json), and nothing was run in this folder; run `dvc repro`"
        in err[0]
    )


def test_the_same_bytes_and_other_params_are_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(Path("metrics/report.html"), {})  # a run writes it
    code, _, err = run(capsys, "verify")
    assert (code, err) == (0, ["note: metrics/findings.json has the same bytes as HEAD:metrics/findings.json"])
    store(FINDINGS, found(params="4567"))
    code, _, err = run(capsys, "verify")
    assert (code, err) == (0, ["warning: HEAD:metrics/findings.json is of other params"])


@pytest.mark.parametrize(
    "against", ["nowhere", "--output=x", "HEAD~9", "", "a\nb", "HEAD:", "metrics/findings.json/a"]
)
def test_what_is_not_there_is_one_line(project: Path, capsys: pytest.CaptureFixture[str], against: str) -> None:
    code, out, err = run(capsys, "verify", f"--against={against}")
    assert (code, out, len(err)) == (2, [], 1)
    assert "--against needs a file, a folder or a revision of git with this file" in err[0]
    assert not Path("x").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"detectors": {}}', "\udc80"])
def test_what_is_not_findings_is_one_line(project: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    Path("file").write_bytes(text.encode("utf-8", "surrogateescape"))
    code, out, err = run(capsys, "verify", "--against", "file")
    assert (code, out) == (2, [])
    assert err == ["unseen: file: not a file of findings; give metrics/findings.json of a run"]


def test_without_a_run_or_with_other_trainings_it_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(FINDINGS, found(training_seeds=1))
    code, _, err = run(capsys, "verify")
    assert (code, len(err)) == (2, 1)
    assert "set `training_seeds: 3`" in err[0]
    FINDINGS.unlink()
    assert run(capsys, "verify") == (2, [], ["unseen: metrics/findings.json: not found; run `dvc repro`"])
