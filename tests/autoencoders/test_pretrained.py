"""Pretrained autoencoders: what they decode, at which size, from which noise, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from faces_for_training import OrlFaces, bytes_below, encoded, stored
from tiny_vaes import edit, kl, tiny
from unseen.autoencoders.makers import TwinMakers, twin_makers
from unseen.autoencoders.pretrained import Pretrained, load_pretrained
from unseen.autoencoders.reconstruct import twins_of
from unseen.autoencoders.settings import TwinSettings
from unseen.autoencoders.twins import reconstruct, twin_set
from unseen.core.errors import UserError
from unseen.core.runtime import generator
from unseen.data.face_rows import SCHEMA, FaceRow
from unseen.data.shards import FaceSet, open_set
from unseen.faces.detect import FaceDetector
from unseen.faces.settings import FaceSettings

CPU = torch.device("cpu")
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    kl(folder / "kl"), kl(folder / "whole/vae"), tiny(folder / "tiny")
    return folder


@pytest.fixture
def faces(orl_faces: OrlFaces) -> Tensor:
    """Seven faces, uint8 [7, 3, 64, 64]."""
    return torch.from_numpy(orl_faces.large[:7]).permute(0, 3, 1, 2).contiguous()


def in_unit_range(faces: Tensor) -> Tensor:
    return faces.float() / 127.5 - 1


def loaded(folder: Path) -> Pretrained:
    net, _ = load_pretrained(folder, "auto", CPU)
    return net


def randoms(count: int) -> list[torch.Generator]:
    return [generator(4, "face", number) for number in range(count)]


@torch.no_grad()
def test_the_mean_is_encoded_and_decoded_without_scaling(folders: Path, faces: Tensor) -> None:
    net, pictures = loaded(folders / "kl"), in_unit_range(faces)
    expected = net.vae.decode(net.vae.encode(pictures).latent_dist.mode()).sample
    assert torch.equal(net(pictures), expected)
    assert expected.std() > 0.05, "or the test shows nothing"


@torch.no_grad()
def test_tiny_takes_and_gives_the_range_of_the_other_and_does_not_round_latents(folders: Path, faces: Tensor) -> None:
    net, pictures = loaded(folders / "tiny"), in_unit_range(faces)
    latents = net.vae.encoder.layers((pictures + 1) / 2)
    expected = net.vae.decoder.layers(torch.tanh(latents / 3) * 3) * 2 - 1
    torch.testing.assert_close(net(pictures), expected)
    assert not torch.allclose(net(pictures), net.vae(pictures).sample), "its own `forward` makes latents bytes"
    assert torch.equal(net(pictures, randoms(7)), net(pictures)), "it has no distribution"


@torch.no_grad()
def test_latents_are_drawn_for_each_face_alone(folders: Path, faces: Tensor) -> None:
    net, pictures = loaded(folders / "kl"), in_unit_range(faces)
    dist = net.vae.encode(pictures).latent_dist
    noise = torch.stack([torch.randn(dist.mean.shape[1:], generator=random) for random in randoms(7)])
    expected = net.vae.decode(dist.mean + dist.std * noise).sample
    assert torch.equal(net(pictures, randoms(7)), expected)
    assert (net(pictures, randoms(7)) - net(pictures)).abs().mean() > 0.01
    one = net(pictures[3:4], randoms(7)[3:4])
    torch.testing.assert_close(one, expected[3:4])


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("name", ["kl", "tiny"])
def test_twins_do_not_depend_on_the_batch(folders: Path, faces: Tensor, batch: int, name: str) -> None:
    net = loaded(folders / name)
    whole = twins_of(net, faces, batch=7, randoms=randoms(7))
    assert torch.equal(twins_of(net, faces, batch=batch, randoms=randoms(7)), whole)


@torch.no_grad()
@pytest.mark.parametrize("name", ["kl", "tiny"])
@pytest.mark.parametrize("side", [57, 60, 63])
def test_a_side_that_is_no_multiple_of_8_is_padded_and_cut_back(
    folders: Path, faces: Tensor, name: str, side: int
) -> None:
    net, pictures = loaded(folders / name), in_unit_range(faces)[..., :side, :side]
    assert net.factor == 8
    padded = torch.from_numpy(np.pad(pictures.numpy(), ((0, 0), (0, 0), *[(0, 64 - side)] * 2), mode="edge"))
    assert net(pictures).shape == pictures.shape
    assert torch.equal(net(pictures), net(padded)[..., :side, :side])
    assert twins_of(net, faces[..., :side, :side]).shape == (7, 3, side, side)


@torch.no_grad()
def test_twins_are_rounded_and_truncation_would_darken_them(folders: Path, faces: Tensor) -> None:
    net = loaded(folders / "kl")
    exact = ((net(in_unit_range(faces)) + 1) * 127.5).clamp(0, 255)
    inside = (exact > 1) & (exact < 254)
    assert inside.float().mean() > 0.9
    rounded = (twins_of(net, faces).float() - exact)[inside].mean().item()
    truncated = (exact.to(torch.uint8).float() - exact)[inside].mean().item()
    assert abs(rounded) < 0.02
    assert truncated == pytest.approx(-0.5, abs=0.02), "grey levels"


def test_low_frequencies_and_spectrum_of_the_real_work(folders: Path, faces: Tensor) -> None:
    net = loaded(folders / "kl")
    own = twins_of(net, faces)
    far = [(made.float() - faces.float()).mean((2, 3)).abs().mean() for made in (own, twins_of(net, faces, 0.25))]
    assert far[1] < 0.1 * far[0], "its colours are random, and those of reals correct them"
    assert not torch.equal(twins_of(net, faces, 0.25, "real"), twins_of(net, faces, 0.25))


def test_float16_is_chosen_by_the_config_on_a_gpu_alone(folders: Path, tmp_path: Path) -> None:
    from unseen.autoencoders.pretrained import _dtype

    gpu = torch.device("cuda")
    assert _dtype("auto", {"force_upcast": True}, gpu, tmp_path) == torch.float32
    assert _dtype("auto", {"force_upcast": False}, gpu, tmp_path) == torch.float16
    assert _dtype("auto", {}, gpu, tmp_path) == torch.float16
    assert _dtype("auto", {}, CPU, tmp_path) == torch.float32
    assert _dtype("float32", {}, gpu, tmp_path) == torch.float32
    with pytest.raises(UserError, match="needs `dtype: float32`"):
        _dtype("float16", {"force_upcast": True}, gpu, tmp_path)
    edit(kl(tmp_path / "half"), force_upcast=None)
    net, _ = load_pretrained(tmp_path / "half", "float16", CPU)
    assert net.vae.dtype == torch.float16
    assert net(torch.zeros(1, 3, 16, 16)).dtype == torch.float32


def test_numbers_that_are_not_finite_are_one_line(folders: Path, faces: Tensor) -> None:
    net = loaded(folders / "kl")
    net.vae.decoder.conv_out.bias.data[0] = torch.inf
    with pytest.raises(UserError, match=r"not finite in torch\.float32; use float32"):
        twins_of(net, faces)


def test_attention_of_older_files_is_read(folders: Path, faces: Tensor, tmp_path: Path) -> None:
    """Public weights of Stable Diffusion 1 and 2 have the names `query`, `key`, `value` and `proj_attn`."""
    kl(tmp_path)
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    state, changed = load_file(tmp_path / WEIGHTS), {}
    for key, value in state.items():
        for new, old in names.items():
            key = key.replace(f".{new}.", f".{old}.")
        changed[key] = value
    assert sum(key not in state for key in changed) == 16
    save_file(changed, tmp_path / WEIGHTS, {"format": "pt"})
    assert torch.equal(twins_of(loaded(tmp_path), faces), twins_of(loaded(folders / "kl"), faces))


def settings(name: str, **changed: Any) -> TwinSettings:
    knobs = {"group": "own", "use": "train", "autoencoder": f"hub/{name}", "of": "faces/people"}
    return TwinSettings.model_validate(knobs | changed)


def test_makers_are_one_network_without_a_training_seed(folders: Path) -> None:
    models = folders.parent
    (models / "hub").unlink(missing_ok=True)
    (models / "hub").symlink_to(folders)
    makers = {name: twin_makers(settings(name), models, CPU) for name in ("kl", "tiny")}
    assert {name: (one.generator, list(one.nets), one.sampled) for name, one in makers.items()} == {
        "kl": ("kl", [None], True),
        "tiny": ("tiny", [None], False),
    }
    assert not twin_makers(settings("kl", latents="mean"), models, CPU).sampled
    assert twin_makers(settings("whole", subfolder="vae"), models, CPU).generator == "whole"
    with pytest.raises(UserError, match=r"whole/config\.json: not found; set `subfolder: vae`"):
        twin_makers(settings("whole"), models, CPU)


def test_defaults_depend_on_the_maker() -> None:
    assert (settings("kl").low_frequencies, settings("kl").spectrum, settings("kl").batch) == (0.0, "own", 8)
    own = settings("kl", autoencoder="autoencoders/auto")
    assert (own.low_frequencies, own.spectrum, own.batch) == (0.25, "own", 64)


@pytest.mark.parametrize("knob", [{"latents": "mean"}, {"subfolder": "vae"}, {"dtype": "float32"}])
def test_knobs_of_pretrained_ones_are_for_no_other(knob: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=rf"`{next(iter(knob))}` is for a pretrained autoencoder, `hub/NAME`"):
        settings("kl", autoencoder="autoencoders/auto", **knob)
    settings("kl", **knob)


def reals(folder: Path, orl_faces: OrlFaces) -> FaceSet:
    """Twelve stored faces of four people."""
    splits: Any = [*["train"] * 6, *["val"] * 3, *["test"] * 3]
    return stored(folder, [encoded(face) for face in orl_faces.large[:12]], orl_faces.people[:12], splits)


def rows_of(face_set: FaceSet) -> list[FaceRow]:
    (batch,) = face_set.batches(["train", "val", "test"], SCHEMA.names)
    return [FaceRow.from_record(record) for record in batch.to_pylist()]


def test_a_set_for_each_decoder_of_the_same_reals(
    folders: Path, orl_faces: OrlFaces, face_detector: FaceDetector, face_settings: FaceSettings, tmp_path: Path
) -> None:
    """The low half of the frequencies is the real's, else a face of random weights is not detected as one."""
    of = reals(tmp_path / "orl", orl_faces)
    originals = {f"orl/{row.path}": row for row in rows_of(of)}

    def made(decoder: str, folder: Path, **changed: Any) -> FaceSet:
        knobs = settings(decoder, low_frequencies=0.5, **changed)
        net, has_distribution = load_pretrained(folders / decoder, "auto", CPU)
        makers = TwinMakers(decoder, {None: net}, has_distribution and knobs.latents == "sampled")
        twin_set(folder.name, knobs, makers, [of], face_detector, face_settings, 4, folder)
        return open_set(folder)

    for decoder in ("kl", "tiny"):
        rows = rows_of(made(decoder, tmp_path / f"by_{decoder}"))
        assert len(rows) > 6
        for row in rows:
            real = originals[row.attributes["twin_of"]]
            assert row.attributes == {**real.attributes, "twin_of": f"orl/{real.path}"}, "and no training seed"
            assert (row.identity, row.split, row.generator) == (real.identity, real.split, decoder)
    made("kl", tmp_path / "again/by_kl", batch=5)
    assert bytes_below(tmp_path / "again") == {f"by_kl/{n}": h for n, h in bytes_below(tmp_path / "by_kl").items()}
    made("kl", tmp_path / "mean/by_kl", latents="mean")
    assert set(bytes_below(tmp_path / "mean").values()).isdisjoint(
        bytes_below(tmp_path / "again")[f"by_kl/{shard}"] for shard in ("part-00000.parquet", "index.parquet")
    )


def test_faces_of_several_sides_keep_their_own(folders: Path, orl_faces: OrlFaces, tmp_path: Path) -> None:
    rows, knobs = rows_of(reals(tmp_path / "orl", orl_faces))[:4], settings("kl")
    makers = TwinMakers("kl", {None: loaded(folders / "kl")}, True)
    crops = [face[:side, :side] for face, side in zip(orl_faces.large, (64, 40, 57, 40), strict=False)]
    together = reconstruct("by_kl", knobs, makers, rows, crops, 4)
    assert [twin.shape for twin in together] == [crop.shape for crop in crops]
    for row, crop, twin in zip(rows, crops, together, strict=True):
        assert np.array_equal(reconstruct("by_kl", knobs, makers, [row], [crop], 4)[0], twin)
    assert not np.array_equal(reconstruct("by_kl", knobs, makers, rows, crops, 5)[0], together[0])
    assert not np.array_equal(reconstruct("other", knobs, makers, rows, crops, 4)[0], together[0])


def _without_a_weight(folder: Path) -> None:
    state = load_file(folder / WEIGHTS)
    del state["decoder.conv_out.bias"]
    save_file(state, folder / WEIGHTS, {"format": "pt"})


def _of_another_shape(folder: Path) -> None:
    state = load_file(folder / WEIGHTS)
    save_file(state | {"decoder.conv_out.bias": torch.zeros(5)}, folder / WEIGHTS, {"format": "pt"})


def _cut_off(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])


def _pickled(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    torch.save({"decoder.conv_out.bias": torch.zeros(3)}, folder / "diffusion_pytorch_model.bin")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), r"config\.json: not found; "),
        (lambda folder: (folder / "config.json").write_text("{"), r"config\.json: damaged"),
        (lambda folder: edit(folder, _class_name=None), r"config\.json: damaged \('_class_name'\)"),
        (
            lambda folder: edit(folder, _class_name="UNet2DModel"),
            "'UNet2DModel'; allowed: AutoencoderKL, AutoencoderT",
        ),
        (_without_a_weight, r"damaged \(it lacks 1 weights, such as decoder\.conv_out\.bias\)"),
        (_of_another_shape, "damaged"),
        (_cut_off, "damaged"),
        (_pickled, r"damaged .*safetensors"),
    ],
)
def test_what_can_not_be_loaded_is_one_line(change: Any, message: str, tmp_path: Path) -> None:
    change(kl(tmp_path / "vae"))
    with pytest.raises(UserError, match=message) as caught:
        load_pretrained(tmp_path / "vae", "auto", CPU)
    assert "\n" not in str(caught.value)
