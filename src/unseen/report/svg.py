"""SVG elements for a page, from matplotlib's SVG files: the page's colours, unique ids, and a third of the bytes."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping

from markupsafe import Markup

PLACE = re.compile(r"([MLCQzZ])([^MLCQzZ]*)")
USE = re.compile(r'<use xlink:href="#([^"]*)" x="([^"]*)" y="([^"]*)" style="([^"]*)"/>')


DEFAULTS = r"fill: none; |stroke-dashoffset: 0; |font-size: 10\.5px; |; fill: var\(--ink\)$"
"""Properties that style.css sets for all charts, as there are hundreds."""


def element(svg: str, label: str, colors: Mapping[str, str]) -> Markup:
    """Return the content of an SVG file as an `svg` element. Equal arguments give equal bytes.

    Args:
        svg: as matplotlib writes it.
        label: the description for screen readers; empty for a decoration.
        colors: the custom property of style.css for each placeholder colour, such as `#000001`.
    """
    size = re.search(r'viewBox="0 0 (\S+) (\S+)"', svg)
    assert size
    text = svg[svg.index(">", size.start()) + 1 : svg.rindex("</svg>")]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", text)
    text = re.sub(r'<g id="[^"]*"/?>', lambda one: "" if one[0].endswith("/>") else "<g>", text)
    text = re.sub(r'(?<= d=")[^"]*', lambda one: short_path(one[0]), text)
    text = re.sub(r'(?<= [xy]=")[^"]*|(?<= transform=")[^"]*', lambda one: _rounded(one[0], 1), text)
    text = re.sub(r'(?<= style=")[^"]*', lambda one: _in_page(one[0], colors), text)
    text = re.sub(r'<path d="[^"]*" style="fill: none"/>', "", _markers(text))
    if "<g " not in text:  # the others change nothing
        text = re.sub(r"</?g>", "", text)
    text = re.sub(r"\s*\n\s*", "\n", text).strip()
    salt = hashlib.sha256(text.encode()).hexdigest()[:6]
    text = re.sub(r'(?<= id=")|(?<=href="#)', f"c{salt}", text)
    about = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    head = Markup('<svg {} viewBox="0 0 {} {}" width="{}" height="{}">').format(about, *size.groups(), *size.groups())
    return Markup("{}{}</svg>").format(head, Markup(text))


def short_path(path: str) -> str:
    """Return a path in fewer bytes: numbers to a tenth of a pixel, and steps as horizontal and vertical lines.

    A path with curves, which is a marker, is rounded to a hundredth.
    """
    digits = 2 if "C" in path or "Q" in path else 1
    parts: list[str] = []
    x = y = ""
    for letter, text in PLACE.findall(path):
        numbers = _rounded(text, digits).split()
        if letter != "L":
            parts.append(letter + " ".join(numbers))
        elif numbers == [x, y]:
            continue
        elif numbers[1] == y:
            parts.append(f"H{numbers[0]}")
        elif numbers[0] == x:
            parts.append(f"V{numbers[1]}")
        else:
            parts.append("L" + " ".join(numbers))
        x, y = numbers[-2:] if numbers else ("", "")
    return "".join(parts)


def _markers(text: str) -> str:
    """Give ids of a digit or two, and the style of each marker to its definition where all its uses have the same."""
    styles: dict[str, set[str]] = defaultdict(set)
    for marker, _, _, style in USE.findall(text):
        styles[marker].add(style)
    for number, name in enumerate(re.findall(r' id="([^"]*)"', text)):
        if len(styles[name]) == 1:
            (style,) = styles[name]
            text = re.sub(rf'( id="{name}" d="[^"]*") style="[^"]*"', rf'\1 style="{style}"', text)
            text = re.sub(rf'(<use xlink:href="#{name}"[^>]*?) style="[^"]*"', r"\1", text)
        text = re.sub(rf'(?<= id="){name}(?=")|(?<=href="#){name}(?=")', f"n{number}", text)
    return text.replace("xlink:href", "href")


def _rounded(text: str, digits: int) -> str:
    """Round the numbers of a text."""

    def short(number: re.Match[str]) -> str:
        found = f"{float(number[0]):.{digits}f}".rstrip("0").rstrip(".")
        return "0" if found == "-0" else found

    return re.sub(r"\s*\n", " ", re.sub(r"-?\d+\.\d+", short, text)).strip()


def _in_page(style: str, colors: Mapping[str, str]) -> str:
    """Replace placeholder colours by custom properties, and remove what style.css sets."""
    style = re.sub(r"; font-family: [^;]*", "", style)
    style = re.sub(r"#[0-9a-f]{6}", lambda one: f"var(--{colors[one[0]]})" if one[0] in colors else one[0], style)
    return re.sub(DEFAULTS, "", style).strip("; ")
