"""The lines of keys in a YAML file."""

from pathlib import Path

import pytest

from unseen.params.lines import Lines

TEXT = """\
# a comment
seed: 1
gans: &all
  one: &one
    images: 5     # few
    rate: [1, 2,
      3]
  two:
    <<: *one
    images: 6
"a.b":
  c: 1
"two\\nlines": 1
flow: {x: 1, y: {z: 2}}
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("seed", 2),
        ("seed.x", 2),
        ("gans", 3),
        ("gans.one.images", 5),
        ("gans.one.rate.2", 7),
        ("gans.two.images", 10),
        ("gans.two.rate", 6),
        ("gans.two.missing", 8),
        ("gans.three", 3),
        ("a.b.c", 12),
        ("two lines", 13),
        ("flow.y.z", 14),
        ("nothing", 1),
    ],
)
def test_the_line_of_a_key_or_of_the_block_above_it(tmp_path: Path, key: str, line: int) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(TEXT)
    assert Lines(file).of(key) == line
