from __future__ import annotations

from lstmrec.lookup import Listed, Shown
from lstmrec.report import people


def test_names_hide_what_they_should():
    assert people.named("718", 2, "open", 1) == "user 718"
    assert people.named("718", 2, "off", 1) == "example 2"
    hashed = people.named("718", 2, "hashed", 1)
    assert len(hashed) == 15 and hashed != "user 718"
    assert hashed == people.named("718", 9, "hashed", 1) != people.named("718", 2, "hashed", 2)


def test_marks_what_was_had_and_what_came_next():
    past = [Shown(i, i.upper(), n, "buy") for n, i in enumerate("abcdefghijklmnop")]
    ours = Listed("model", "test", "full_history", 16, (Shown("a", "A", rank=1), Shown("z", None, rank=2)))
    theirs = Listed("knn", "test", "full_history", 16, (Shown("q", "Q", rank=1),))
    got = people.person("x", past, ["z", "z", "y"], ours, theirs)
    assert [(i["hit"], i["again"]) for i in got["lists"][0]["items"]] == [(False, True), (True, False)]
    assert got["did_next"] == 2 and got["events"] == 16
    assert [e["item"] for e in got["history"]] == list("ponmlkjihgfe")  # the newest twelve, newest first
    assert people.said([got]) == "1 of the items we listed were chosen next, 0 of the best baseline's"
    assert people.said([people.person("x", past, [], ours, None)]).endswith("chosen next")
    assert people.said([]) == "No example users"


def test_reasons_stand_under_their_items_and_in_a_heat_map():
    past = [Shown(i, i.upper(), n, "buy") for n, i in enumerate("abc")]
    why = (Shown("c", "C", score=0.5), Shown("a", "A" * 300, score=0.25))
    ours = Listed("model", "test", "full_history", 3, (Shown("z", "Z", rank=1, reasons=why), Shown("y", None, rank=2),
                                                       Shown("x", None, rank=3, reasons=why[1:])))  # fmt: skip
    got = people.person("x", past, [], ours, None)
    first = got["lists"][0]["items"][0]["because"]
    assert [(w["item"], w["influence"]) for w in first] == [("c", 0.5), ("a", 0.25)]
    assert len(first[1]["title"]) == 160 and got["lists"][0]["items"][1]["because"] == []
    (heat,) = people.influence([got])
    assert heat["columns"][1] == "C" or heat["columns"][0] == "C"
    assert [r["item"] for r in heat["rows"]] == ["Z", "x"] and heat["most"] == 0.5
    assert sorted(v for r in heat["rows"] for v in r["cells"] if v is not None) == [0.25, 0.25, 0.5]
    assert people.leaning([got]) == "Of 2 items listed for a reason, 1 owe most to what the user did last"
    plain = people.person("x", past, [], Listed("model", "test", "r", 3, (Shown("z", "Z", rank=1),)), None)
    assert people.influence([plain]) == [] and people.leaning([plain]) == ""
