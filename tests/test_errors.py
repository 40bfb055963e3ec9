"""Foreign text in messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointclip.errors import MAX_MESSAGE, InputError, escaped


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


@given(st.text(max_size=30), st.integers(0, 2000))
def test_messages_are_short(text, count):
    message = str(InputError(text + "x" * count + "the end."))
    assert len(message) <= MAX_MESSAGE
    assert message.endswith("the end.")
