"""Invalid definitions are rejected before any run."""

import pytest

from pointclip.errors import InputError
from tests.tables.fake_task import TABLE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": []}, "has no rows"),
        ({"rows": [{"name": "a"}, {"name": "a"}]}, "same name"),
        ({"rows": [{"config": "demo"}]}, "expected"),
        ({"rows": [{"name": "a", "tuning": 3}]}, "no field 'tuning'"),
        ({"colour": "red"}, "no field 'colour'"),
        ({"tolerance": {}}, "no tolerance"),
        ({"rows": [{"name": "a", "search": {"what": "weights", "in": "nowhere"}}]}, "is not a column"),
        ({"rows": [{"name": "a", "head": {"in": "nowhere"}}]}, "trains its head in 'nowhere', which is not a column"),
        ({"rows": [{"name": "a", "head": {"in": "turned"}, "search": {"what": "weights"}}]}, "both search and head"),
        ({"rows": [{"name": "a", "head": "turned"}]}, "row 'a': head is 'turned'"),
        ({"rows": 3}, "t.yaml: rows is 3; expected a list"),
        ({"title": ["A"]}, "title is"),
        ({"metric": 3}, "metric is 3"),
        ({"config": ["demo"]}, "config is"),
        ({"about": {"a": 1}}, "about is"),
        ({"about": "a\0b"}, "about is"),
        ({"grid": "yes"}, "true or false"),
        ({"heads": "ab"}, "one or two texts"),
        ({"heads": ["a"]}, "a list of two for a table with columns"),
        ({"settings": {"SEED": [1]}}, "settings is"),
        ({"settings": {3: 1}}, "settings is"),
        ({"settings": {"OUTPUT": "x"}}, "settings has OUTPUT, .* --output"),
        ({"for": {"demo": {"settings": {"CACHE": "x"}}}}, "for demo: settings has CACHE"),
        ({"for": {"demo": 3}}, "for is"),
        ({"for": {"demo": {"rows": []}}}, "for demo: there is no field 'rows'"),
        ({"tolerance": 0.5}, "tolerance is 0.5"),
        ({"tolerance": {"value": -1}}, "tolerance is"),
        ({"tolerance": {"value": float("inf")}}, "tolerance is"),
        ({"tolerance": {"value": 1, "why": "x"}}, "tolerance is"),
        ({"columns": [{"name": ""}]}, "column '': name is ''"),
        ({"columns": [{"name": "a", "kind": "caption"}]}, "no field 'kind'"),
        (
            {"columns": [{"name": "a", "for": {"demo": {"name": "b"}}}, {"name": "b"}], "rows": [{"name": "a"}]},
            "same name",
        ),
        ({"rows": [{"name": "a", "only": ["other"]}]}, "has no rows for the config 'demo'"),
        *(
            ({"rows": [{"name": "a", **fields}]}, message)
            for fields, message in [
                ({"name": 4}, "row 4: name is 4"),
                ({"with": 3}, "row 'a': with is 3"),
                ({"published": "high"}, "published is 'high'"),
                ({"published": True}, "published is True"),
                ({"published": 10**400}, "published is 1000"),
                ({"published": float("nan")}, "published is nan"),
                ({"published": {"nowhere": 3}}, "published is"),
                ({"published": {"turned": float("inf")}}, "published is"),
                ({"note": {"nowhere": "x"}}, "note is"),
                ({"note": 3}, "note is 3"),
                ({"only": "demo"}, "only is 'demo'"),
                ({"search": "weights"}, "search is 'weights'"),
                ({"search": {"split": "val"}}, "search is"),
                ({"search": {"what": "weights", "at": "x"}}, "search is"),
                ({"search": {"what": ["weights"]}}, "search is"),
                ({"kind": "shouting"}, "caption, question"),
                ({"for": {"demo": {"published": "high"}}}, "row 'a': for demo: published is"),
                ({"for": {"other": {"kind": []}}}, "row 'a': for other: kind is"),
            ]
        ),
    ],
)
def test_bad_definitions_are_rejected(fake, change, message):
    fake.table("t", TABLE | change)
    with pytest.raises(InputError, match=message) as caught:
        fake.make()
    assert "t.yaml" in str(caught.value)
    assert not fake.calls


@pytest.mark.parametrize("text", ["- 1", "3", "", "title: a\ntitle: b", "a: [", "a: 2020-99-99"])
def test_invalid_definition_file_is_rejected(fake, text):
    (fake.folder / "tables" / "t.yaml").write_text(text)
    with pytest.raises(InputError, match=r"t\.yaml"):
        fake.make()
