"""The rules of an evaluation."""

import pytest

from pointclip.errors import InputError
from zeroshot_seg.protocol import check_rules, predicted_parts


@pytest.mark.parametrize(
    ("rules", "words"), [(("x", "skip"), "PROTOCOL is 'x'"), (("standard", "x"), "IOU_RULE is 'x'")]
)
def test_unknown_rules(rules, words):
    with pytest.raises(InputError, match=words):
        check_rules(*rules)


def test_the_published_protocol_predicts_two_of_lamps_parts():
    assert [predicted_parts(name, 4, "published") for name in ("lamp", "chair")] == [2, 4]
    assert predicted_parts("lamp", 4, "standard") == 4
