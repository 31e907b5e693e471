"""Training batches: who is drawn how often, pairs, parts, mixes, and that threads decide nothing."""

from collections import Counter
from concurrent.futures import Executor
from typing import Any

import numpy as np
import pytest

from unseen.core.errors import UserError
from unseen.core.runtime import generator
from unseen.data.pictures import Faces, Pixels
from unseen.detectors.shared.batches import Batch, Batches
from unseen.detectors.shared.settings import NetworkSettings

from .networks import knobs

MILD = {"blur": 0.5, "blur_sigma": 2.0, "noise": 0.5, "cutout": 0.5, "jpeg": 0.5, "jpeg_low": 30}
STILL = {"blur": 0.0, "blur_sigma": 0.0, "jpeg": 0.0, "jpeg_low": 90}


def numbered(groups: list[tuple[int, str, str, int]], size: int = 16) -> Faces:
    """Faces of (label, source, generator, count) groups, each a smooth picture of its own."""
    columns: dict[str, list[object]] = {"label": [], "source": [], "generator": [], "id": [], "twin_of": []}
    for label, source, name, count in groups:
        for number in range(count):
            values = (label, source, name, f"{source}/{number}", "")
            for column, value in zip(columns, values, strict=True):
                columns[column].append(value)
    rows = len(columns["label"])
    slopes = np.random.default_rng(0).uniform(0, 255, (rows, 2, 2, 3))
    across = np.linspace(0, 1, size)
    pixels = np.einsum("ncdk,ci,dj->nijk", slopes, np.stack([across, 1 - across]), np.stack([across, 1 - across]))
    return Faces(pixels.clip(0, 255).astype(np.uint8), columns)


def some(**changed: Any) -> NetworkSettings:
    return knobs(**{"batch": 64, "augment": STILL} | changed)


def rows_of(faces: Faces, steps: int, **changed: Any) -> np.ndarray[Any, Any]:
    drawn = Batches(faces, some(**changed), 4)
    return np.stack([drawn.rows(generator(4, "detector", step)) for step in range(steps)])


def shares(faces: Faces, rows: np.ndarray[Any, Any], column: str) -> dict[object, float]:
    counts = Counter(faces.columns[column][row] for row in rows.flatten().tolist())
    return {name: count / rows.size for name, count in counts.items()}


UNEVEN = numbered(
    [
        (0, "few", "", 5),
        (0, "many", "", 200),
        (1, "dcgan_one", "dcgan", 3),
        (1, "dcgan_two", "dcgan", 90),
        (1, "r3gan_one", "r3gan", 30),
    ]
)


def test_half_of_a_batch_is_real_and_stands_first() -> None:
    rows = rows_of(UNEVEN, 20)
    labels = UNEVEN.labels[rows]
    assert labels.shape == (20, 64)
    assert not labels[:, :32].any()
    assert labels[:, 32:].all()


def test_generators_sets_and_sources_come_as_often_whatever_their_counts() -> None:
    rows = rows_of(UNEVEN, 300)
    reals, fakes = rows[:, :32], rows[:, 32:]
    # 9600 draws: five standard deviations of a share of one half are 0.026
    assert shares(UNEVEN, fakes, "generator") == pytest.approx({"dcgan": 0.5, "r3gan": 0.5}, abs=0.026)
    assert shares(UNEVEN, reals, "source") == pytest.approx({"few": 0.5, "many": 0.5}, abs=0.026)
    by_set = {"dcgan_one": 0.25, "dcgan_two": 0.25, "r3gan_one": 0.5}
    assert shares(UNEVEN, fakes, "source") == pytest.approx(by_set, abs=0.026)


def test_every_face_is_drawn() -> None:
    assert set(rows_of(UNEVEN, 300).flatten().tolist()) == set(range(len(UNEVEN)))


def same(first: Batch, second: Batch) -> bool:
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in ("pixels", "rows", "labels"))


def drawn(faces: Faces, steps: range, seed: int = 4, part: slice = slice(None), **changed: Any) -> list[Batch]:
    return list(Batches(faces, some(**{"batch": 12, "augment": MILD} | changed), seed)(steps, part))


def test_a_batch_depends_on_the_seed_and_the_step_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_WORKERS", "1")
    whole = drawn(UNEVEN, range(4))
    monkeypatch.setenv("UNSEEN_WORKERS", "5")
    assert all(map(same, drawn(UNEVEN, range(2, 4)), whole[2:])), "whatever was drawn before, and by how many threads"
    assert not any(map(same, drawn(UNEVEN, range(4), seed=5), whole))
    assert len({batch.pixels.tobytes() for batch in whole}) == 4


def test_labels_and_rows_are_the_pictures_own() -> None:
    for batch in drawn(UNEVEN, range(3), augment=STILL):
        assert np.array_equal(batch.labels, UNEVEN.labels[batch.rows])
        stored = UNEVEN.pixels[batch.rows]
        mirrored = (batch.pixels == stored[:, :, ::-1]).all((1, 2, 3))
        assert ((batch.pixels == stored).all((1, 2, 3)) | mirrored).all()
        assert 0 < mirrored.sum() < 12


def paired_faces() -> Faces:
    """Ten reals, six twins that equal them, and six fakes that nobody is the twin of."""
    faces = numbered([(0, "people", "", 10), (1, "twins", "autoencoder", 6), (1, "gan", "dcgan", 6)])
    faces.columns["twin_of"][10:16] = [f"people/{number}" for number in (7, 1, 3, 3, 9, 0)]
    faces.pixels[10:16] = faces.pixels[[7, 1, 3, 3, 9, 0]]
    return faces


def test_a_twins_real_stands_half_a_batch_before_it() -> None:
    faces = paired_faces()
    rows = rows_of(faces, 50, paired=True)
    reals, fakes = rows[:, :32].flatten(), rows[:, 32:].flatten()
    wanted = dict(zip(range(10, 16), (7, 1, 3, 3, 9, 0), strict=True))
    linked = fakes < 16
    assert 0.4 < linked.mean() < 0.6
    assert [wanted[fake] for fake in fakes[linked]] == reals[linked].tolist()
    assert set(reals[~linked].tolist()) == set(range(10)), "the others stand beside any real"
    assert not faces.labels[reals].any()


def test_a_real_stands_beside_each_of_its_twins_by_several_decoders() -> None:
    """One set of twins for each decoder, all of the same reals."""
    faces = numbered([(0, "people", "", 4), (1, "by_kl", "sd_vae", 4), (1, "by_tiny", "taesd", 4)])
    faces.columns["twin_of"][4:] = [f"people/{number}" for number in range(4)] * 2
    rows = rows_of(faces, 100, paired=True)
    pairs = Counter(zip(rows[:, :32].flatten().tolist(), rows[:, 32:].flatten().tolist(), strict=True))
    assert set(pairs) == {(real, fake) for real in range(4) for fake in (4 + real, 8 + real)}
    # 3200 draws of 8 pairs: five standard deviations of a share of an eighth are 0.03
    assert [count / rows[:, 32:].size for count in pairs.values()] == pytest.approx([0.125] * 8, abs=0.03)


def test_a_pair_is_changed_alike() -> None:
    faces = paired_faces()
    untouched = 0
    for batch in drawn(faces, range(20), paired=True, augment=MILD):
        twins = batch.rows[6:] < 16
        assert np.array_equal(batch.pixels[:6][twins], batch.pixels[6:][twins])
        untouched += (batch.pixels[:6] == faces.pixels[batch.rows[:6]]).all((1, 2, 3)).sum()
    assert untouched < 0.2 * 20 * 6, "and changed they are"


def test_without_pairs_reals_and_fakes_are_changed_each_their_own_way() -> None:
    faces = numbered([(0, "people", "", 1), (1, "twins", "autoencoder", 1)])
    faces.pixels[1] = faces.pixels[0]
    (batch,) = drawn(faces, range(1))
    assert len({picture.tobytes() for picture in batch.pixels}) > 8


@pytest.mark.parametrize("of", ["", "elsewhere/1"])
def test_no_twin_of_a_face_that_trains_is_one_line(of: str) -> None:
    faces = numbered([(0, "people", "", 3), (1, "twins", "autoencoder", 3)])
    faces.columns["twin_of"][3:] = [of] * 3
    with pytest.raises(UserError, match=r"`paired` is true, but no fake .* is the twin of a training face") as error:
        Batches(faces, some(paired=True), 4)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("paired", [False, True])
def test_two_processes_share_a_batch_and_keep_pairs_together(paired: bool) -> None:
    faces = paired_faces()
    whole = drawn(faces, range(3), paired=paired)
    parts = [drawn(faces, range(3), part=slice(rank, 12, 2), paired=paired) for rank in (0, 1)]
    for step in range(3):
        for rank in (0, 1):
            own = parts[rank][step]
            assert own.labels.tolist() == [0, 0, 0, 1, 1, 1]
            for name in ("pixels", "rows", "labels"):
                assert np.array_equal(getattr(own, name), getattr(whole[step], name)[rank::2]), name
            if paired:
                twins = own.rows[3:] < 16
                assert np.array_equal(own.pixels[:3][twins], own.pixels[3:][twins])


MIX = {"pixels": 1.0, "frequencies": 0.0, "most": 1.0}


def test_twins_alone_are_mixed() -> None:
    faces = paired_faces()
    faces.pixels[10:] = 255 - faces.pixels[10:]
    plain = drawn(faces, range(8), paired=True, augment=STILL)
    mixed = drawn(faces, range(8), paired=True, augment=STILL, mix=MIX)
    for before, after in zip(plain, mixed, strict=True):
        assert np.array_equal(before.rows, after.rows)
        changed = (before.pixels != after.pixels).any((1, 2, 3))
        assert np.array_equal(changed, np.isin(before.rows, range(10, 16)))
        twins = np.flatnonzero(changed)
        low, high = (limit(before.pixels[twins], before.pixels[twins - 6]) for limit in (np.minimum, np.maximum))
        assert ((low <= after.pixels[twins]) & (after.pixels[twins] <= high)).all(), "between the fake and its real"
        assert after.labels[twins].all(), "and a fake still"


def test_a_mix_is_made_before_both_are_changed() -> None:
    """A twin that equals its real equals it when mixed, and after the same change too."""
    for batch in drawn(paired_faces(), range(5), paired=True, mix=MIX | {"frequencies": 0.5}):
        twins = batch.rows[6:] < 16
        away = batch.pixels[:6][twins].astype(int) - batch.pixels[6:][twins]
        assert np.abs(away).max() == 0


def test_mixes_are_the_same_whatever_the_part() -> None:
    faces = paired_faces()
    faces.pixels[10:] = 255 - faces.pixels[10:]
    both = {"paired": True, "mix": MIX | {"pixels": 0.5, "frequencies": 0.5}}
    (whole,), (own,) = drawn(faces, range(1), **both), drawn(faces, range(1), part=slice(1, 12, 2), **both)
    assert np.array_equal(own.pixels, whole.pixels[1::2])


class Broken(Faces):
    """Faces of which one can't be had."""

    def take(self, rows: Any, threads: Executor | None = None) -> Pixels:
        if 3 in list(rows):
            raise OSError("row 3 is gone")
        return super().take(rows)


def test_what_a_thread_raises_ends_the_training() -> None:
    faces = Broken(UNEVEN.pixels, UNEVEN.columns)
    with pytest.raises(OSError, match="row 3 is gone"):
        drawn(faces, range(200))
