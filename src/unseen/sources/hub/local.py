"""Copies a model from a local folder."""

import hashlib
import json
import shutil
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.files import atomic_folder, sha256_of
from unseen.core.json_files import read_json, write_json
from unseen.sources.hub.records import record, recorded_hashes
from unseen.sources.hub.select import select
from unseen.sources.hub.settings import HubSettings
from unseen.sources.hub.store import CARD, local_files


def copy_model(settings: HubSettings, name: str, target: Path, records: Path) -> None:
    """Copy the files of a local folder into the folder `target`; see `unseen.sources.hub.fetch.fetch_model`.

    Raises:
        UserError: the folder does not exist, has no weights, or has changed since it was first copied.
    """
    folder = Path(settings.folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: not a folder; correct `hub.{name}.folder` in params")
    recorded = recorded_hashes(records, settings, "")
    files, hashes = {}, {}
    with atomic_folder(target) as part:
        for file in select(settings, local_files(folder)):
            copied = part / file.name
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / file.name, copied)
            found = hashes[file.name] = sha256_of(copied)
            stated = settings.sha256.get(file.name, "")
            if stated and stated != found:
                raise UserError(f"{folder / file.name}: sha256 is {found}, params say {stated}; use another copy")
            if not stated and recorded.get(file.name, found) != found:
                raise UserError(
                    f"{folder / file.name}: changed since it was first copied; restore it, or accept the change with "
                    f"`unseen accept hub/{name}` and `dvc repro`"
                )
            files[file.name] = {"bytes": file.length, "sha256": found}
        state = json.dumps(hashes, sort_keys=True).encode()
        card = {"model": name, "revision": hashlib.sha256(state).hexdigest()[:40], "license": ""}
        if (folder / CARD).is_file():  # a copy of what this stage wrote elsewhere
            card |= {key: str(value) for key, value in read_json(folder / CARD).items() if key in card}
        write_json(part / CARD, {**card, "files": files})
    record(records, settings, "", {key: value for key, value in hashes.items() if key not in settings.sha256})
