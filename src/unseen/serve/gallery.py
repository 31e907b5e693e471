"""A page with the faces of highest score: a self-contained HTML file without scripts."""

import base64
import heapq
import io
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from PIL import Image, ImageDraw

from unseen.core.errors import printable
from unseen.core.files import atomic_file
from unseen.faces.decode import BadPictureError
from unseen.serve.folders import as_text
from unseen.serve.inputs import load_picture
from unseen.serve.verdict import FAKE, MEANINGS, NOT_FLAGGED, UNSURE

if TYPE_CHECKING:
    from unseen.serve.api import Detector

PER_VERDICT = 100
"""Maximum number of faces of each verdict on the page. Those with the highest scores are shown."""

SIDE = 224
"""Largest side of a thumbnail, in pixels."""

KEYS = {FAKE: "fake", UNSURE: "unsure", NOT_FLAGGED: "below"}
"""The CSS class of each verdict."""

AROUND = 2.2
"""Side of the thumbnail's part of the picture, relative to the side of the face's box."""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Content security policy. The page loads no other file, even if a file name in it contains HTML."""


@dataclass(frozen=True)
class Shown:
    """A face on the page: its row, and its thumbnail as a data URI, empty if the picture has changed or is
    missing."""

    row: dict[str, Any]
    path: str
    thumbnail: str


def thumbnail(picture: Image.Image, box: tuple[int, int, int, int]) -> str:
    """Crop a picture around a face, draw the box, and return a JPEG as a data URI."""
    left, top, width, height = box
    side = max(round(AROUND * max(width, height)), 1)
    x = min(max(left + width // 2 - side // 2, 0), max(picture.width - side, 0))
    y = min(max(top + height // 2 - side // 2, 0), max(picture.height - side, 0))
    part = picture.crop((x, y, min(x + side, picture.width), min(y + side, picture.height)))
    scale = SIDE / max(part.size)
    small = part.resize(
        (max(round(part.width * scale), 1), max(round(part.height * scale), 1)), Image.Resampling.LANCZOS
    )
    corners = [(left - x) * scale, (top - y) * scale, (left + width - x) * scale - 1, (top + height - y) * scale - 1]
    draw = ImageDraw.Draw(small)
    for inset, colour, line in ((0, "black", 4), (1, "white", 2)):
        x0, y0, x1, y1 = corners[0] + inset, corners[1] + inset, corners[2] - inset, corners[3] - inset
        if x0 <= x1 and y0 <= y1:  # a box at the border of the picture may be thinner than its line
            draw.rectangle((x0, y0, x1, y1), outline=colour, width=line)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


class Gallery:
    """Collects the faces of highest score for each verdict, in constant memory."""

    def __init__(self) -> None:
        self._best: dict[str, list[tuple[float, int, dict[str, Any]]]] = {FAKE: [], UNSURE: [], NOT_FLAGGED: []}
        self._counts, self._reasons = Counter[str](), Counter[str]()
        self._pictures = 0

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Add the rows of a picture."""
        self._pictures += 1
        for row in rows:
            if row["error"] is not None:
                self._reasons[row["error"]] += 1
                continue
            self._counts[row["verdict"]] += 1
            best = self._best[row["verdict"]]
            # among equal scores, the first ones are kept
            heapq.heappush(best, (row["score"], -self._counts.total(), row))
            if len(best) > PER_VERDICT:
                heapq.heappop(best)

    def _shown(self, max_pixels: int) -> list[Shown]:
        """Return the faces with their thumbnails, highest score first."""
        found = sorted((one for best in self._best.values() for one in best), key=lambda one: one[:2], reverse=True)
        by_picture: dict[str, list[int]] = {}
        for place, (_, _, row) in enumerate(found):
            by_picture.setdefault(row["name"], []).append(place)
        thumbnails = [""] * len(found)
        for name, places in by_picture.items():  # each picture is decoded once
            try:
                now = load_picture(name, max_pixels)
            except (BadPictureError, OSError):
                continue
            if now.sha256 != found[places[0]][2]["sha256"]:
                continue  # the file has changed since it was scored
            for place in places:
                row = found[place][2]
                box = (row["left"], row["top"], row["box_width"], row["box_height"])
                thumbnails[place] = thumbnail(now.picture, box)
        return [Shown(row, as_text(row["name"]), thumbnails[place]) for place, (_, _, row) in enumerate(found)]

    def write(self, path: Path, detector: "Detector", skipped: list[str]) -> None:
        """Write the page atomically. Thumbnails are made from the pictures' files.

        Args:
            path: path of the page.
            detector: the detector that gave the scores.
            skipped: lines about skipped files.
        """
        templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.filters["printable"] = printable
        card = detector.loaded.folder / "card.md"
        page = templates.get_template("gallery.html").render(
            policy=POLICY,
            scope=detector.scope,
            faces=self._shown(detector.loaded.faces.max_pixels),
            keys=KEYS,
            verdicts=[(name, key, self._counts[name], MEANINGS[name]) for name, key in KEYS.items()],
            per_verdict=PER_VERDICT,
            cut=any(number > PER_VERDICT for number in self._counts.values()),
            total=self._counts.total(),
            pictures=self._pictures,
            reasons=self._reasons.most_common(),
            skipped=skipped,
            card=card.read_text(encoding="utf-8", errors="replace") if card.is_file() else "",
            today=date.today().isoformat(),
        )
        with atomic_file(path) as part:
            part.write_text(page, encoding="utf-8")
