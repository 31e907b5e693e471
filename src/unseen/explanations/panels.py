"""Image sheets of labelled pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unseen.data.pictures import Pixels
from unseen.explanations.face_area import Ellipse
from unseen.explanations.heat import Heat

SIDE = 128
"""Side of a displayed picture in pixels."""

GAP, TITLE, LINE = 8, 190, 15
"""Gap between cells, width of the title column and height of a line of text, in pixels."""

OPAQUE = 0.75
"""Opacity of the heatmap at its maximum."""


@dataclass(frozen=True)
class PanelCell:
    """Pictures of SIDE x SIDE pixels side by side, and lines of text below them."""

    pictures: list[Image.Image]
    lines: list[str]


@dataclass(frozen=True)
class PanelRow:
    """A title of several lines, and cells; `empty` is the text of a row without cells."""

    title: list[str]
    cells: list[PanelCell]
    empty: str = ""


def shown(pixels: Pixels) -> Image.Image:
    """Resize a crop uint8 [s, s, 3] to SIDE x SIDE pixels."""
    return Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def overlay(pixels: Pixels, heat: Heat, face: Ellipse) -> Image.Image:
    """Draw heat [s, s], 0 to 1, and the outline of the face over a crop uint8 [s, s, 3]."""
    grey = np.asarray(shown(pixels).convert("L"), np.float32)[..., None].repeat(3, 2)
    enlarged = np.asarray(Image.fromarray(heat).resize((SIDE, SIDE), Image.Resampling.BILINEAR))[..., None]
    colours = matplotlib.colormaps["inferno"](enlarged[..., 0])[..., :3] * 255
    mixed = grey + OPAQUE * enlarged * (colours - grey)
    picture = Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8))
    zoom = SIDE / len(pixels)
    x, y, half_width, half_height = (value * zoom for value in face)
    around = (x - half_width, y - half_height, x + half_width, y + half_height)
    ImageDraw.Draw(picture).ellipse(around, outline=(120, 220, 255))
    return picture


def sheet(heading: list[str], rows: Sequence[PanelRow]) -> Image.Image:
    """Draw a heading and rows on a white background."""
    font, bold = ImageFont.load_default(12), ImageFont.load_default(14)
    cell_width = max((len(cell.pictures) for row in rows for cell in row.cells), default=1) * (SIDE + 2) - 2
    columns = max([len(row.cells) for row in rows] + [1])
    lines = max((len(cell.lines) for row in rows for cell in row.cells), default=1)
    full = SIDE + LINE * lines + 2 * GAP
    heights = [full if row.cells else LINE * max(2, len(row.title)) + 2 * GAP for row in rows]
    texts = [font.getlength(line) for row in rows for line in (row.title if row.cells else [])]
    title = max([TITLE, *(round(text) + 3 * GAP for text in texts)])
    width = title + columns * (cell_width + GAP) + GAP
    width = max([width, *(round(bold.getlength(line)) + 2 * GAP for line in heading)])
    width = max([width, *(title + round(font.getlength(row.empty)) + GAP for row in rows)])
    top = (LINE + 4) * len(heading) + 2 * GAP
    picture = Image.new("RGB", (width, top + sum(heights)), "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(heading):
        draw.text((GAP, GAP + number * (LINE + 4)), line, "black", bold)
    for row, height in zip(rows, heights, strict=True):
        draw.line((0, top, width, top), (210, 210, 210))
        for number, line in enumerate(row.title):
            draw.text((GAP, top + GAP + number * LINE), line, "black" if number == 0 else (90, 90, 90), font)
        if not row.cells:
            draw.text((title, top + GAP), row.empty, (90, 90, 90), font)
        for place, cell in enumerate(row.cells):
            left = title + place * (cell_width + GAP)
            for number, one in enumerate(cell.pictures):
                picture.paste(one, (left + number * (SIDE + 2), top + GAP))
            for number, line in enumerate(cell.lines):
                draw.text(
                    (left, top + GAP + SIDE + 1 + number * LINE), _fitting(line, cell_width, font), "black", font
                )
        top += height
    return picture


def _fitting(line: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Shorten a line that is too long; its end is kept, since names differ there."""
    if font.getlength(line) <= width:
        return line
    while font.getlength("..." + line) > width:
        line = line[1:]
    return "..." + line
