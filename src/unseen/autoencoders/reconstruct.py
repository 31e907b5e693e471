"""Trains, saves and loads autoencoders, and computes twins."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from unseen.autoencoders import autoencoder
from unseen.autoencoders.autoencoder import Autoencoder, Critic
from unseen.autoencoders.settings import AutoencoderSettings
from unseen.core.artifacts import WEIGHTS, damaged, read_artifact, recorded, write_weights
from unseen.core.code import code_hash
from unseen.core.errors import UserError
from unseen.core.files import atomic_folder
from unseen.core.json_files import write_json
from unseen.core.progress import progress
from unseen.core.runtime import generator, half, seeded
from unseen.core.scratch import Scratch
from unseen.core.settings import validated
from unseen.core.stop import Stop
from unseen.gans.shared import upsample
from unseen.gans.shared.artifact import TrainedGan
from unseen.gans.shared.networks import BATCH, placed, to_unit_range
from unseen.gans.shared.reals import Reals

Row = dict[str, float]


def build_autoencoder(settings: AutoencoderSettings, size: int, gan: TrainedGan | None, seed: int) -> Autoencoder:
    """Build an untrained autoencoder, with the last blocks of the GAN if one is given.

    Raises:
        UserError: the GAN was trained at another size.
    """
    if gan and gan.size != size:
        raise UserError(f"`{gan.name}` was trained at {gan.size} px, but crops are {size} px; train it at that size")
    with seeded(seed, "autoencoder"):
        net = Autoencoder(settings, size, gan.settings.model_dump() if gan else None)
    if gan:
        trained: Any = gan.network("Generator")
        net.lent, _ = trained.tail(int(math.log2(settings.factor)))
    return net


def difference(twins: Tensor, reals: Tensor) -> Tensor:
    """Mean absolute error of pictures [n, 3, s, s] plus that of their gradients, which keeps edges in place."""
    gradients = sum(functional.l1_loss(twins.diff(dim=side), reals.diff(dim=side)) for side in (2, 3))
    return functional.l1_loss(twins, reals) + gradients


def fit_autoencoder(
    net: Autoencoder, reals: Reals, held_back: Tensor, settings: AutoencoderSettings, seed: int, scratch: Scratch
) -> list[Row]:
    """Train an autoencoder in place; resumes from a checkpoint if there is one.

    Args:
        net: autoencoder from `build_autoencoder`.
        reals: training faces.
        held_back: validation faces of other people, uint8 [n, 3, s, s].
        settings: settings of the autoencoder.
        seed: seed of the batches.
        scratch: directory of the checkpoint.

    Returns:
        A row for each measurement: `images`, the training losses `error` and `critic`, and `psnr_held_back` in dB.

    Raises:
        UserError: the error is not finite, or the training was asked to stop after writing a checkpoint.
    """
    device = reals.device
    with seeded(seed, "critic"):
        critic = Critic(settings.width)
    placed(net, device), placed(critic, device)
    learned = [weight for weight in net.train().parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(learned, settings.learning_rate, fused=True)
    critic_optimizer = torch.optim.Adam(critic.parameters(), settings.learning_rate, (0.5, 0.999), fused=True)
    parts: dict[str, Any] = {
        "net": net,
        "critic": critic,
        "optimizer": optimizer,
        "critic_optimizer": critic_optimizer,
    }
    steps, done, history = math.ceil(settings.images / settings.batch), 0, []

    saved = scratch.load()
    if saved:
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        done, history = saved["step"], saved["history"]

    with Stop() as stop:
        batch = settings.batch
        for step in progress(range(done, steps), "autoencoder", "image", steps * batch, done * batch, batch):
            random = generator(seed, "autoencoder", step)
            real = reals.batch(*reals.draw(batch, random))
            with half(device):
                twin = net(real)
            error = difference(twin.float(), real)
            adversarial_loss = torch.zeros((), device=device)
            if settings.adversarial:
                with half(device):
                    critic_loss = (
                        functional.relu(1 - critic(real)).mean() + functional.relu(1 + critic(twin.detach())).mean()
                    )
                critic_optimizer.zero_grad(set_to_none=True)
                critic_loss.backward()  # type: ignore[no-untyped-call]
                critic_optimizer.step()
                critic.requires_grad_(False)
                with half(device):
                    adversarial_loss = -critic(twin).float().mean()
                critic.requires_grad_(True)
            optimizer.zero_grad(set_to_none=True)
            (error + settings.adversarial * adversarial_loss).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

            done = step + 1
            last = done == steps
            if last or done * batch // settings.sample_every > step * batch // settings.sample_every:
                if not math.isfinite(error.item()):
                    raise UserError(
                        f"the error of the autoencoder is not finite at step {done}; halve `learning_rate`"
                    )
                history.append({"images": done * batch, "error": error.item(), "critic": adversarial_loss.item()})
                history[-1]["psnr_held_back"] = psnr(twins_of(net, held_back), held_back)
            stopping = stop.asked
            if last or stopping or scratch.due():  # also at the end: the next training seed may be interrupted
                scratch.save(
                    {"step": done, "history": history, **{name: part.state_dict() for name, part in parts.items()}}
                )
            if stopping and not last:
                raise stop.error(f"{done * batch} of {settings.images} images")
    return history


@torch.no_grad()
def twins_of(
    net: nn.Module,
    pictures: Tensor,
    low_frequencies: float = 0.0,
    spectrum: Literal["own", "real"] = "own",
    batch: int = BATCH,
    randoms: Sequence[torch.Generator] = (),
) -> Tensor:
    """Compute twins of pictures.

    Args:
        net: maps pictures in [-1, 1] to twins.
        pictures: uint8 [n, 3, s, s] on the CPU.
        low_frequencies: see `with_low_frequencies_of`.
        spectrum: `real` for `with_spectrum_of`.
        batch: pictures in the network at a time.
        randoms: a random generator for each picture, for a network that draws; else empty.

    Returns:
        Rounded twins, of the same type and shape, on the CPU.
    """
    device, was = next(net.parameters()).device, net.training
    net.eval()
    parts = []
    for number, part in enumerate(torch.split(pictures, batch)):
        real = to_unit_range(part.to(device))
        drawn = [randoms[number * batch :][: len(part)]] if randoms else []
        twin = autoencoder.with_low_frequencies_of(real, net(real, *drawn).float(), low_frequencies)
        if spectrum == "real":
            twin = autoencoder.with_spectrum_of(real, twin)
        parts.append(((twin + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu())
    net.train(was)
    return torch.cat(parts)


def psnr(twins: Tensor, reals: Tensor) -> float:
    """Peak signal-to-noise ratio in dB, from the mean squared error over all uint8 pictures."""
    return 20 * math.log10(255) - 10 * math.log10(float((twins.double() - reals.double()).square().mean()) + 1e-9)


def save(folder: Path, name: str, net: Autoencoder, trained_on: Any) -> None:
    """Write the folder of an autoencoder atomically."""
    with atomic_folder(folder) as part:
        write_weights(part / WEIGHTS, {key: value.cpu().contiguous() for key, value in net.state_dict().items()})
        card = {"name": name, **net.config, "trained_on": trained_on}
        card = {**card, "code": code_hash([autoencoder, upsample]), "sha256": recorded(part, WEIGHTS)}
        write_json(part / "autoencoder.json", card)


def load_autoencoder(folder: Path) -> tuple[str, Autoencoder]:
    """Load the name of an autoencoder and its network, in evaluation mode, from its folder.

    Raises:
        UserError: the folder is missing, not readable or damaged.
    """
    card, state = read_artifact(folder, "autoencoder.json")
    try:
        settings = validated(AutoencoderSettings, card["settings"], f"{folder}/autoencoder.json")
        net: nn.Module = Autoencoder(settings, card["size"], card["gan"])
        net.load_state_dict(state)
        return card["name"], net.eval()  # type: ignore[return-value]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise damaged(folder / "autoencoder.json", error) from None
