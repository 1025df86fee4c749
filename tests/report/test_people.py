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
