"""Foreign text in messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointclip.errors import MAX_QUOTE, InputError, escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("chair", "chair"),
        ("Stühle, 椅子, कुर्सी", "Stühle, 椅子, कुर्सी"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\nb\r\tc\x00", "a\\nb\\r\\tc\\x00"),
        ("gnp.\u202etxt", "gnp.\\u202etxt"),
        ("a\udcffb", "a\\udcffb"),
    ],
)
def test_control_characters_are_escaped(text, shown):
    assert escaped(text) == shown
    assert str(InputError(text)) == shown.replace("\\n", " ")


@given(st.text(max_size=30), st.integers(0, 2000), st.sampled_from(["x", " x"]))
def test_long_quotes_are_shortened_but_not_their_end(text, count, piece):
    message = str(InputError(f"Got {text + piece * count!r}, expected the end."))
    assert len(message) <= MAX_QUOTE + 200
    assert message.endswith("expected the end.")


def test_lists_of_choices_are_not_cut():
    names = ", ".join(f"choice-{number}" for number in range(200))
    message = f"There is no 'one' in the user's {names}, nor in its 'other' place."
    assert str(InputError(message)) == message
