"""Make a face set from a source's archive: `faces.py SOURCE`."""

from pathlib import Path

import _stage


def main(name: str) -> None:
    # Not at the top: each process for preprocessing also imports this file.
    from unseen.core.json_files import write_metrics
    from unseen.core.prefetch import worker_count
    from unseen.core.settings import read_block
    from unseen.data.splits import SplitSettings
    from unseen.faces.detect import with_dynamic_input
    from unseen.faces.gather import gather
    from unseen.faces.settings import FaceSettings
    from unseen.faces.workers import Preprocessing
    from unseen.sources.shared.download import archive_file
    from unseen.sources.shared.settings import SourceSettings

    source = read_block(_stage.PARAMS, ["sources", name], SourceSettings)
    faces = read_block(_stage.PARAMS, ["faces"], FaceSettings)
    archive, card = archive_file(Path("data/raw", source.archive))
    model = Path("models/assets/centerface/centerface.onnx").read_bytes()
    counts = gather(
        name=name,
        source=source,
        archive=archive,
        sha256=card["sha256"],
        preprocessing=Preprocessing(with_dynamic_input(model), faces, read_block(_stage.PARAMS, ["seed"], int)),
        splits=read_block(_stage.PARAMS, ["split"], SplitSettings),
        folder=Path("data/faces", source.group, name),
        scratch=_stage.SCRATCH,
        workers=worker_count(),
    )
    write_metrics(Path("metrics/faces", f"{name}.json"), counts)


if __name__ == "__main__":
    _stage.run(main)
