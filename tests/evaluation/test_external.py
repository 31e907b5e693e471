"""External predictions: what is wrong with them is named, row by row, a line each."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unseen.core.errors import UserError
from unseen.data.predictions import write_predictions
from unseen.evaluation.external import BadPredictions, read_all, read_external
from unseen.evaluation.external_metrics import external_metrics

from .made_up import columns

GOOD: dict[str, list[Any]] = {"id": ["a", "b", "c", "d"], "label": [0, 0, 1, 1], "score": [0.1, 0.6, 0.4, 0.9]}


def written(folder: Path, name: str = "mine.csv", **changes: list[Any] | None) -> Path:
    columns = {key: values for key, values in {**GOOD, **changes}.items() if values is not None}
    frame = pd.DataFrame(columns)
    if name.endswith(".csv"):
        frame.to_csv(folder / name, index=False)
    else:
        frame.to_parquet(folder / name)
    return folder / name


def problems(file: Path) -> list[str]:
    with pytest.raises(BadPredictions) as caught:
        read_external(file)
    assert all(problem.startswith(f"{file}: ") and "\n" not in problem for problem in caught.value.problems)
    return [problem.removeprefix(f"{file}: ") for problem in caught.value.problems]


@pytest.mark.parametrize("name", ["mine.csv", "mine.parquet"])
def test_the_least_that_is_needed(tmp_path: Path, name: str) -> None:
    found = read_external(written(tmp_path, name))
    assert found["score"].tolist() == GOOD["score"]
    assert found["label"].tolist() == GOOD["label"]
    assert "logit" not in found
    assert found["identity"].nunique() == 4, "everybody is a person of its own"


def test_words_for_labels_paths_for_ids_and_logits_for_scores(tmp_path: Path) -> None:
    words = ["real", "Fake", "1", "REAL"]
    found = read_external(
        written(tmp_path, id=None, score=None, label=words, path=["NA", "b", "c", "1"], logit=[0.0, 2.0, -2.0, 800.0])
    )
    assert found["id"].tolist() == ["1", "NA", "b", "c"]
    assert found["label"].tolist() == [0, 0, 1, 1]
    assert found["score"].tolist() == pytest.approx([1.0, 0.5, 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))])


def test_people_are_those_of_the_file_and_nobody_is_one_with_an_id(tmp_path: Path) -> None:
    found = read_external(written(tmp_path, identity=["b", "b", "", ""]))
    assert found["identity"].nunique() == 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"label": None}, ["has no column `label` (its columns: id, score)"]),
        (
            {"id": None, "score": None},
            ["has no column `id` or `path`", "has no column `score` or `logit` (its columns: label)"],
        ),
        ({"id": ["a", "b", "a", "d"]}, ["`id` is not unique in rows 1, 3 ('a')"]),
        ({"id": ["a", "", "c", "d"]}, ["`id` is empty in row 2"]),
        ({"label": [0, 1, 2, "cat"]}, ["`label` is not 0, 1, real or fake in rows 3, 4 ('2')"]),
        ({"score": [0.1, "", "nan", 0.9]}, ["`score` is not a finite number in rows 2, 3"]),
        (
            {"score": [-0.1, 0.2, 1.5, 1.0]},
            ["`score` is outside 0 to 1 in rows 1, 3; name a column of logits `logit`"],
        ),
        ({"logit": [1.0, "inf", 2.0, 3.0]}, ["`logit` is not a finite number in row 2 ('inf')"]),
        (
            {"label": [0, 1, 7, 1], "score": [0.1, "high", 2.0, 0.5]},
            [
                "`label` is not 0, 1, real or fake in row 3 ('7')",
                "`score` is not a finite number in row 2 ('high')",
                "`score` is outside 0 to 1 in row 3; name a column of logits `logit`",
            ],
        ),
    ],
)
def test_all_that_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], expected: list[str]) -> None:
    assert problems(written(tmp_path, **changes)) == expected


def test_of_many_rows_the_first_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    pd.DataFrame({"id": range(100), "label": 1, "score": 2.0}).to_csv(tmp_path / "mine.csv")
    assert problems(tmp_path / "mine.csv")[0].startswith(
        "`score` is outside 0 to 1 in rows 1, 2, 3, 4, 5 and 95 more"
    )


def test_parquet_without_values_and_files_that_are_none(tmp_path: Path) -> None:
    assert problems(written(tmp_path, "mine.parquet", score=[0.1, None, 0.2, float("nan")])) == [
        "`score` is not a finite number in rows 2, 4"
    ]
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "words.parquet").write_text("id,label,score\n")
    (tmp_path / "heading.csv").write_text("id,label,score\n")
    assert problems(tmp_path / "heading.csv") == ["has no rows"]
    for name in ("empty.csv", "words.parquet", "nothing.csv", "."):
        with pytest.raises(UserError, match=r"not found|empty|not a Parquet file|a folder") as caught:
            read_external(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_several_files_are_one_and_their_problems_are_told_together(tmp_path: Path) -> None:
    first, second = written(tmp_path), written(tmp_path, "more.csv", id=["e", "f", "g", "h"])
    assert len(read_all([first, second])) == 8
    with pytest.raises(BadPredictions, match=r"4 ids are in more than one of .*, for instance 'a'"):
        read_all([first, written(tmp_path, "copy.csv")])
    bad = [written(tmp_path, f"{n}.csv", score=[2, 0, 0, 0]) for n in "xy"]
    with pytest.raises(BadPredictions) as caught:
        read_all(bad)
    assert len(caught.value.problems) == 2


def test_a_class_that_is_missing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="0 real and 4 fake faces: both classes are needed"):
        external_metrics(read_external(written(tmp_path, label=[1] * 4)), 0.5, 100, 4)


def test_shares_of_each_generator_and_source(tmp_path: Path) -> None:
    file = written(tmp_path, generator=["", "", "gan", ""], source=["orl", "lfw", "", ""])
    found = external_metrics(read_external(file), 0.5, 100, 4)
    assert found["auc"]["value"] == 0.75
    assert {name: one["share"] for name, one in found["generators"].items()} == {"gan": 0, "(not said)": 1}
    assert {name: one["share"] for name, one in found["sources"].items()} == {"lfw": 1, "orl": 0}
    assert "before_temperature" not in found


@pytest.mark.parametrize("name", ["mine.csv", "mine.parquet"])
def test_groups_are_columns_or_what_predictions_of_this_project_have_as_attributes(tmp_path: Path, name: str) -> None:
    changes = {"gender": ["f", "", "m", None], "attributes": ["theirs"] * 4}
    assert "attributes" not in read_external(written(tmp_path, name, **changes))
    found = read_external(written(tmp_path, name, **changes), ["gender", "age"])["attributes"].tolist()
    assert found == [[("gender", "f")], [("gender", "")], [("gender", "m")], [("gender", "")]]


def test_attributes_of_this_projects_predictions(tmp_path: Path) -> None:
    rows = columns(1, [1.0, 2.0])
    rows["attributes"] = [[("gender", "f"), ("age", "old")], []]
    write_predictions(tmp_path / "own.parquet", [rows])
    assert read_all([tmp_path / "own.parquet"], ["gender"])["attributes"].tolist() == [
        [("gender", "f"), ("age", "old")],
        [],
    ]


def test_rates_by_group_worked_by_hand(tmp_path: Path) -> None:
    """Of women 1 of 2 reals is flagged, of men 1 of 2 fakes is caught; nobody says whose the others are."""
    file = written(
        tmp_path,
        id=list("abcdef"),
        label=[0, 0, 1, 1, 0, 1],
        score=[0.1, 0.6, 0.4, 0.9, 0.9, 0.9],
        gender=["f", "f", "m", "m", "", ""],
    )
    found = external_metrics(read_all([file], ["gender"]), 0.5, 100, 4, ["gender"])["groups"]["gender"]
    assert found["without"] == 2
    women, men = found["groups"]["f"], found["groups"]["m"]
    assert (women["reals"], women["fakes"], women["fpr"]["share"], women["tpr"]) == (2, 0, 0.5, None)
    assert (men["reals"], men["fakes"], men["fpr"], men["tpr"]["share"]) == (0, 2, None, 0.5)
    assert found["gaps"] == {"fpr": None, "tpr": None}, "of two faces nothing is said about a gap"


def test_groups_that_no_file_has(tmp_path: Path) -> None:
    file, other = written(tmp_path, gendr=["f"] * 4), written(tmp_path, "b.csv", id=list("wxyz"), age=[1] * 4)
    with pytest.raises(BadPredictions) as caught:
        read_all([file, other], ["gender", "age"])
    assert caught.value.problems == ["no face has the attribute `gender`; allowed: age, gendr; did you mean `gendr`?"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,label,score\na,x,0,0.5\nb,y,1,0.5\n", "more fields than the header in rows 1, 2"),
        ("id,label,score,score\na,0,0.5,0.6\n", "has more than one column `score`"),
        ("id,label,score\na,0\nb,1,0.5\n", "`score` is not a finite number in row 1"),
    ],
)
def test_rows_that_do_not_fit_their_heading(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "odd.csv").write_text(text)
    with pytest.raises(UserError) as caught:
        read_external(tmp_path / "odd.csv")
    assert str(caught.value) == f"{tmp_path / 'odd.csv'}: {says}"


def test_a_parquet_file_with_a_column_twice(tmp_path: Path) -> None:
    table = pa.table([["a"], [0], [0.5], [0.6]], names=["id", "label", "score", "score"])
    pq.write_table(table, tmp_path / "odd.parquet")
    with pytest.raises(UserError, match=r"odd\.parquet: .*score"):
        read_external(tmp_path / "odd.parquet")


@pytest.mark.parametrize("name", ["mine.csv", "mine.parquet"])
def test_a_face_has_a_row_for_each_training_seed(tmp_path: Path, name: str) -> None:
    rows = {key: values * 2 for key, values in GOOD.items()}
    rows["score"] = [0.1, 0.6, 0.4, 0.9, 0.1, 0.2, 0.4, 0.9]
    found = external_metrics(read_all([written(tmp_path, name, **rows, seed=[5] * 4 + [7] * 4)]), 0.5, 100, 4)
    assert found["seeds"] == [5, 7]
    assert found["auc"]["seeds"] == {"5": 0.75, "7": 1.0}
    assert (found["n"]["reals"], found["n"]["fakes"], found["n"]["without_identity"]) == (2, 2, 4)
    assert found["fpr"]["seeds"] == {"5": 0.5, "7": 0.0}
    assert found["generators"]["(not said)"]["n"] == 2


def test_training_seeds_may_be_in_files_of_their_own(tmp_path: Path) -> None:
    files = [written(tmp_path, f"{seed}.csv", seed=[seed] * 4) for seed in (1, 2)]
    assert external_metrics(read_all(files), 0.5, 100, 4)["seeds"] == [1, 2]
    assert external_metrics(read_all(files[:1]), 0.5, 100, 4)["seeds"] == [1]
    other = written(tmp_path, "other.csv", id=list("wxyz"), seed=[2] * 4)
    with pytest.raises(UserError, match="training seeds 1 and 2 have predictions on different faces"):
        external_metrics(read_all([files[0], other]), 0.5, 100, 4)


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ([1, 1, "a", 2.5], "`seed` is not an integer in rows 3, 4 ('a')"),
        ([1, 1, "", 1], "`seed` is not an integer in row 3"),
    ],
)
def test_seeds_that_are_none(tmp_path: Path, seeds: list[Any], expected: str) -> None:
    assert problems(written(tmp_path, seed=seeds)) == [expected]
    twice = written(tmp_path, id=list("abca"), seed=[1, 1, 1, 1])
    assert problems(twice) == ["`id` is not unique within one `seed` in rows 1, 4 ('a')"]
