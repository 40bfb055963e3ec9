"""The rules of the evaluation."""

import pytest

from pointclip.config import load_config
from pointclip.errors import InputError
from zeroshot_seg.protocol import check_rules, predicted_parts
from zeroshot_seg.settings import segmentation_defaults


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (("PROTOCOL", "x"), "PROTOCOL is 'x'"),
        (("IOU_RULE", "x"), "IOU_RULE is 'x'"),
        (("FEATURES", "x"), "FEATURES is"),
    ],
)
def test_unknown_rules_are_rejected(rules, words):
    with pytest.raises(InputError, match=words):
        check_rules(load_config(segmentation_defaults(), None, rules))


def test_the_published_protocol_predicts_two_of_lamps_parts():
    assert [predicted_parts(name, 4, "published") for name in ("lamp", "chair")] == [2, 4]
    assert predicted_parts("lamp", 4, "standard") == 4
