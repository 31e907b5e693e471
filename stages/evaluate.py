"""Turn a detector's predictions into metrics and a model card: `evaluate.py DETECTOR`."""

from pathlib import Path

import _stage

from unseen.core.files import atomic_file
from unseen.core.json_files import read_json, write_json
from unseen.core.settings import Name, read_block
from unseen.evaluation.card import model_card
from unseen.evaluation.evaluate import evaluate, evaluation_summary, write_evaluation
from unseen.evaluation.scored import trainings_of
from unseen.evaluation.settings import EvaluationSettings
from unseen.sources.shared.settings import SourceSettings


def main(detector: str) -> None:
    folder = Path("models/detectors", detector)
    card = read_json(folder / "detector.json")
    predictions = Path("data/predictions", detector)
    found = evaluate(
        folder=predictions,
        names=sorted(path.stem for path in predictions.glob("*.parquet")),
        trained=trainings_of(card),
        settings=read_block(_stage.PARAMS, ["evaluation"], EvaluationSettings),
        seed=read_block(_stage.PARAMS, ["seed"], int),
        generators=card["trained_on"]["train"]["generators"],
    )
    write_evaluation(found, detector, Path("metrics"))
    write_json(folder / "evaluation.json", evaluation_summary(found.metrics))
    sources = read_block(_stage.PARAMS, ["sources"], dict[Name, SourceSettings])
    with atomic_file(folder / "card.md") as part:
        part.write_text(
            model_card(card, found.metrics, {name: one.license for name, one in sources.items()}), encoding="utf-8"
        )


if __name__ == "__main__":
    _stage.run(main)
