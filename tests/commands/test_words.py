"""Words, columns and text that a terminal must not act on."""

from unseen.commands.words import columns, count, shown


def test_count() -> None:
    assert [count(n, "face") for n in (0, 1, 2)] == ["0 faces", "1 face", "2 faces"]


def test_shown_escapes_what_a_terminal_acts_on() -> None:
    assert shown("ä ✓\n\x1b[31m\udcff") == "ä ✓\\n\\x1b[31m\\udcff"


def test_columns_are_as_wide_as_their_longest_cell() -> None:
    assert columns([("a", "long", "x"), ("bcd", "s", "")]) == ["a    long  x", "bcd  s"]
