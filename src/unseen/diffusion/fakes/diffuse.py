"""Makes the fakes of some real faces with a diffusion model: prompts, tries, the Gram gate, preprocessing."""

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from unseen.core.errors import UserError
from unseen.core.runtime import generator
from unseen.data.face_rows import Dropped, FaceRow
from unseen.data.pictures import Pixels, decode_crop
from unseen.diffusion.fakes.blocks import Made
from unseen.diffusion.fakes.gate import Gate
from unseen.diffusion.fakes.pipeline import Painter
from unseen.diffusion.fakes.prompts import filled, with_sentence
from unseen.diffusion.fakes.settings import DiffuseSettings
from unseen.faces.crop import Framing
from unseen.faces.decode import BadPictureError
from unseen.faces.detect import FaceDetector
from unseen.faces.gather import face_row
from unseen.faces.preprocess import preprocess_pictures
from unseen.faces.rules import Facts
from unseen.faces.settings import FaceSettings

Captions = Mapping[str, Mapping[str, str]]
"""Of each face, by id: its caption under `caption`, and the attributes that were found with it."""


@dataclass(frozen=True)
class Try:
    """A made picture uint8 [s, s, 3], its prompt and seed, its Gram distance, and why it can't be used."""

    pixels: Pixels
    prompt: str
    seed: int
    distance: float
    unusable: str


def _png(pixels: Pixels) -> bytes:
    """A picture uint8 [h, w, 3] as PNG. It is decoded again at once, so it is packed fast and not small."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


class Diffuse:
    """Makes the fakes of a set, batch by batch."""

    def __init__(
        self,
        name: str,
        settings: DiffuseSettings,
        painter: Painter,
        gate: Gate | None,
        captions: Captions,
        revision: str,
        face_detector: FaceDetector,
        faces: FaceSettings,
        seed: int,
    ) -> None:
        """Args:
        name: of the set.
        settings: of the set.
        painter: makes the pictures.
        gate: the Gram gate, or None.
        captions: captions and attributes for prompts; empty without captions.
        revision: of the model, for the record of each picture.
        face_detector: the same as for photos.
        faces: settings of preprocessing.
        seed: seed of the run.
        """
        self.name, self.settings, self.gate, self.faces = name, settings, gate, faces
        self._painter, self._captions, self._revision = painter, captions, revision
        self._face_detector, self._seed = face_detector, seed
        self._framing: Framing = "found" if settings.mode == "text_to_image" else "whole"

    def prompt_of(self, face: str, attributes: Mapping[str, str]) -> str:
        """The prompt for a face.

        Args:
            face: its id.
            attributes: of its row.

        Raises:
            UserError: the prompt names a caption or an attribute that the face does not have.
        """
        if self.settings.captions != "none" and face not in self._captions:
            raise UserError(
                f"{face}: no row in the captions `{self.settings.captions}`; make them of the same faces "
                f"(`captions.{self.settings.captions}.of` is to hold `diffuse.{self.name}.of`)"
            )
        return filled(self.settings.prompt, {**self._captions.get(face, {}), **attributes}, face)

    @property
    def overlaps(self) -> bool:
        """Whether pictures are stored while the next ones are made: a GPU would wait for the CPU otherwise."""
        return not self._painter.cpu

    def batch(self, rows: Sequence[FaceRow]) -> list[Made]:
        """Make and store the fakes of some reals. A fake does not depend on the others."""
        return self.stored(rows, self.tries(rows))

    def tries(self, rows: Sequence[FaceRow]) -> list[list[Try]]:
        """Make the pictures of some reals, again where the gate does not accept them; all tries of each."""
        gram = self.gate.settings if self.gate else None
        reals = [decode_crop(row.jpeg) for row in rows]
        prompts = [self.prompt_of(f"{row.source}/{row.path}", row.attributes) for row in rows]
        tries: list[list[Try]] = [[] for _ in rows]
        for attempt in range(1 + (gram.retries if gram else 0)):
            todo = [i for i, own in enumerate(tries) if not own or not self._accepted(own[-1])]
            if not todo:
                break
            said = [with_sentence(prompts[i], gram.sentence) if attempt and gram else prompts[i] for i in todo]
            hashes = [rows[i].sha256 for i in todo]
            for i, made in zip(todo, self._tried(said, hashes, attempt, [reals[i] for i in todo]), strict=True):
                tries[i].append(made)
        return tries

    def _accepted(self, made: Try) -> bool:
        return not made.unusable and (not self.gate or made.distance <= self.gate.threshold)

    def _tried(
        self, prompts: Sequence[str], hashes: Sequence[str], attempt: int, reals: Sequence[Pixels]
    ) -> Iterator[Try]:
        seeds = [int(generator(self._seed, "diffuse", self.name, one, attempt).initial_seed()) for one in hashes]
        painted = self._painter.paint(prompts, seeds, reals)
        distances = self.gate.distances(reals, list(painted.pixels)) if self.gate else [0.0] * len(prompts)
        for i, pixels in enumerate(painted.pixels):
            unusable = "unsafe" if painted.unsafe[i] else "" if pixels.any() else "black"
            distance = math.inf if unusable else distances[i]
            yield Try(pixels, prompts[i], seeds[i], distance, unusable)

    def stored(self, rows: Sequence[FaceRow], tries: Sequence[Sequence[Try]]) -> list[Made]:
        """Preprocess the nearest try of each picture like a photo, at the real's JPEG quality."""
        best = [min(own, key=lambda one: one.distance) for own in tries]
        refused = [one.unusable or ("gram_distance" if self._dropped(one) else "") for one in best]
        used = [i for i, reason in enumerate(refused) if not reason]
        crops = preprocess_pictures(
            [_png(best[i].pixels) for i in used],
            self._face_detector,
            self.faces,
            self._seed,
            self._framing,
            [rows[i].sha256 for i in used],
        )
        crop_of = dict(zip(used, crops, strict=True))
        found = []
        for i, row in enumerate(rows):
            real, crop = f"{row.source}/{row.path}", crop_of.get(i)
            outcome: FaceRow | Dropped
            if crop is None:
                outcome = Dropped(real, refused[i], f"after {len(tries[i])} tries")
            elif isinstance(crop, BadPictureError):
                outcome = Dropped(real, crop.reason, crop.detail)
            else:
                record = self._record(real, best[i], len(tries[i]) - 1)
                facts = Facts(row.identity, row.split, {**row.attributes, **record})
                outcome = face_row(crop, real, self.name, self.settings.generator, facts)
            found.append(Made(outcome, tuple(one.distance for one in tries[i]) if self.gate else ()))
        return found

    def _dropped(self, made: Try) -> bool:
        return bool(self.gate and self.gate.settings.keep == "drop" and not self._accepted(made))

    def _record(self, real: str, made: Try, retries: int) -> dict[str, str]:
        record = {
            **self._painter.record,
            "made_of": real,
            "prompt": made.prompt,
            "seed": str(made.seed),
            "revision": self._revision,
            "retries": str(retries),
        }
        return record | ({"gram_distance": f"{made.distance:.6g}"} if self.gate else {})
