"""The table of GANs: a row for each training seed, and what the face detector says of samples."""

from dataclasses import replace

from unseen.report.gans import faces_found, gans_table
from unseen.report.results import Results

REAL = {"precision": 0.18, "recall": 0.38, "diversity": 0.98, "kid_lite1": 0.07}
RECORDS = {
    "4": {"precision": 0.25, "recall": 0.5, "diversity": 0.75, "kid_lite1": 0.25, "finding": "Fair."},
    "5": {"precision": 0.0, "recall": 0.0, "diversity": 0.125, "kid_lite1": 1.5, "finding": "It collapsed."},
}


def counts(read: int, without_face: int) -> dict[str, object]:
    return {"read": read, "dropped": {"no_face": without_face, "small": 3} if without_face else {}}


def test_a_gan_has_a_row_for_each_training_seed(results: Results) -> None:
    (drawn,) = (name for name, fakes in results.params.fakes.items() if fakes.gan == "dcgan")
    gans = {"dcgan": {"seeds": RECORDS, "held_back": REAL}}
    table = gans_table(replace(results, gans=gans, counts={**results.counts, drawn: counts(100, 4)}))
    assert table
    texts = [[cell.text for cell in row] for row in table.rows]
    assert texts == [
        ["dcgan", "4", "25.0%", "50.0%", "75.0%", "0.250", "Fair."],
        ["dcgan", "5", "0.0%", "0.0%", "12.5%", "1.500", "It collapsed."],
    ]
    (foot,) = table.foot
    assert [cell.text for cell in foot][2:6] == ["18.0%", "38.0%", "98.0%", "0.070"]
    assert len(table.heads) == len(table.rows[0]) == len(foot)

    table = gans_table(replace(results, gans=gans, counts={**results.counts, drawn: counts(100, 80)}))
    assert table
    assert all(row[-1].text.endswith("the face detector finds one in 20% of 100.") for row in table.rows)


def test_without_gans_there_is_no_table(results: Results) -> None:
    assert gans_table(replace(results, gans={})) is None


def test_most_samples_are_not_faces_below_a_half() -> None:
    assert faces_found({}) == ""
    assert faces_found({"a": counts(100, 0), "b": counts(100, 100)}) == ""
    assert "49% of 200" in faces_found({"a": counts(100, 2), "b": counts(100, 100)})
