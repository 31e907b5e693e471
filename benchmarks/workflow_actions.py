"""What `uses:` steps of a workflow do, with the means of this machine. For `workflows.py`."""

import glob
import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class NotRunError(Exception):
    """A step that has no equivalent on this machine."""


@dataclass
class Job:
    """A job in a folder of its own.

    Attributes:
        name: name of the job.
        folder: folder with `checkout`, `home`, `temp` and `artifacts`.
        caches: folder that outlives the job.
        contexts: values of `github`, `runner`, `inputs` and `secrets` by name.
        env: environment of the steps.
        after: what runs after the last step if all steps succeeded.
        failed: whether a step failed.
        packages: environment whose packages the checkout's `.venv` has; None if steps install them.
    """

    name: str
    folder: Path
    caches: Path
    contexts: dict[str, dict[str, str]]
    env: dict[str, str]
    after: list[Callable[[], None]] = field(default_factory=list)
    failed: bool = False
    packages: Path | None = None

    @property
    def checkout(self) -> Path:
        """The clone in which steps run."""
        return self.folder / "checkout"


def hash_files(checkout: Path, patterns: list[str]) -> str:
    """The hash of the files that match, as `hashFiles` of an expression."""
    found = {path for one in patterns for path in glob.glob(one, root_dir=checkout, recursive=True)}
    files = sorted(path for path in found if (checkout / path).is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(hashlib.sha256((checkout / path).read_bytes()).digest())
    return digest.hexdigest() if files else ""


def _value(term: str, job: Job) -> str:
    """The value of a term without operators.

    Raises:
        NotRunError: it is not understood.
    """
    if found := re.fullmatch(r"'([^']*)'", term):
        return found[1]
    if found := re.fullmatch(r"hashFiles\((.*)\)", term):
        return hash_files(job.checkout, re.findall(r"'([^']*)'", found[1]))
    if (found := re.fullmatch(r"(\w+)\.(\w+)", term)) and found[1] in job.contexts:
        return job.contexts[found[1]].get(found[2], "")
    raise NotRunError(f"the expression `{term}` is not understood")


def filled(text: str, job: Job) -> str:
    """A text with its `${{ }}` replaced."""
    return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda found: _value(found[1], job), text)


def runs(condition: str, job: Job) -> bool:
    """Whether a step with this `if` runs."""
    text = re.sub(r"^\$\{\{\s*(.*?)\s*\}\}$", r"\1", condition.strip())
    simple = {"always()": True, "failure()": job.failed, "success()": not job.failed, "": not job.failed}
    if text in simple:
        return simple[text]
    left, equal, right = text.partition("==")
    if not equal:
        raise NotRunError(f"the condition `{text}` is not understood")
    return not job.failed and _value(left.strip(), job) == _value(right.strip(), job)


def _checkout(options: Mapping[str, str], job: Job) -> str:
    depth = [] if options.get("fetch-depth") == "0" else ["--depth", "1"]
    command = [
        "git",
        "-c",
        "advice.detachedHead=false",
        "clone",
        "--quiet",
        *depth,
        f"file://{ROOT}",
        str(job.checkout),
    ]
    subprocess.run(command, check=True, env=job.env, cwd=job.folder)
    if job.packages:
        _environment(job.checkout, job.packages)
    head = subprocess.run(
        ["git", "log", "-1", "--format=%h"],
        cwd=job.checkout,
        env=job.env,
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return f"commit {head.stdout.strip()}"


def _environment(checkout: Path, packages: Path) -> None:
    """Make a checkout's `.venv` with the packages of another one, which `make setup` or `make docs` has made."""
    own = checkout / ".venv"
    subprocess.run([packages / "bin/python", "-m", "venv", "--without-pip", own], check=True)
    (found,) = packages.glob("lib/python*/site-packages")
    (own / found.relative_to(packages) / "packages.pth").write_text(f"{checkout}/src\n{found}\n", encoding="utf-8")
    for program in (packages / "bin").iterdir():
        target = own / "bin" / program.name
        if not target.exists():
            target.write_bytes(program.read_bytes().replace(bytes(packages / "bin"), bytes(own / "bin")))
            target.chmod(0o755)
    for name in ("installed", "docs-installed"):
        if (packages / name).exists():
            (own / name).touch()


def _setup_python(options: Mapping[str, str], job: Job) -> str:
    wanted = options["python-version"]
    found = shutil.which(f"python{wanted}")
    if not found:
        raise NotRunError(f"there is no python{wanted} on this machine")
    ask = "import sys; print(sys.base_prefix, sys.version.split()[0])"
    prefix, version = subprocess.check_output([found, "-I", "-c", ask], text=True, encoding="utf-8").split()
    folder = job.folder / "temp/python"
    folder.mkdir(parents=True)
    for name in ("python", "python3", f"python{wanted}"):
        (folder / name).symlink_to(Path(prefix) / f"bin/python{wanted}")
    job.env["PATH"] = f"{folder}:{job.env['PATH']}"
    if options.get("cache") != "pip":
        return version
    key = f"pip-{version}-{hash_files(job.checkout, options['cache-dependency-path'].split())}"
    return f"{version}, {_restored(job.folder / 'home/.cache/pip', key, [], job)}"


def _cache(options: Mapping[str, str], job: Job) -> str:
    before = [line for line in options.get("restore-keys", "").splitlines() if line]
    return _restored(job.checkout / options["path"], options["key"], before, job)


def _restored(path: Path, key: str, before: list[str], job: Job) -> str:
    """Restore a folder by its key, or by the newest of an older one. After the job it is stored if its key is new."""
    store = job.caches / key
    if not store.exists():
        job.after.append(lambda: _stored(path, store))
        older = [one for start in before for one in job.caches.glob(f"{glob.escape(start)}*")]
        if not older:
            return "cache: nothing stored"
        found = max(older, key=lambda one: one.stat().st_mtime)
    else:
        found = store
    shutil.copytree(found, path, symlinks=True, dirs_exist_ok=True)
    return f"cache: {found.name[:40]}"


def _stored(path: Path, store: Path) -> None:
    if path.exists():
        part = store.with_name(f"{store.name}.part")
        shutil.copytree(path, part, symlinks=True)
        part.rename(store)


def _upload_artifact(options: Mapping[str, str], job: Job) -> str:
    count = 0
    for line in options["path"].split():
        for path in glob.glob(str(job.checkout / line)):
            target = job.folder / "artifacts" / options["name"] / Path(path).name
            target.parent.mkdir(parents=True, exist_ok=True)
            if Path(path).is_dir():
                shutil.copytree(path, target)
                count += sum(one.is_file() for one in target.rglob("*"))
            else:
                shutil.copy2(path, target)
                count += 1
    return f"{count} files" if count else "warning: no files"


ACTIONS: dict[str, Callable[[Mapping[str, str], Job], str]] = {
    "actions/checkout": _checkout,
    "actions/setup-python": _setup_python,
    "actions/cache": _cache,
    "actions/upload-artifact": _upload_artifact,
}


def use(step: Mapping[str, Any], job: Job) -> str:
    """Run the equivalent of an action and return what it did.

    Raises:
        NotRunError: there is none.
    """
    name = step["uses"].partition("@")[0]
    if name not in ACTIONS:
        raise NotRunError(f"no equivalent of {name}")
    options = {key: filled(str(value), job) for key, value in step.get("with", {}).items()}
    return ACTIONS[name](options, job)
