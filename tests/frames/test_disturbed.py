"""Disturbed histories: each probe as a user of its own, the events of the test untouched."""

from __future__ import annotations

from typing import Any

from lstmrec.config.evaluate import ProbesConfig
from lstmrec.contracts import tables
from lstmrec.frames import disturbed

LONGER = 30
CONF = ProbesConfig(first=[0, 2], drop=[0.5], inject=[0.5], whole_length=64)


def log(spark: Any) -> Any:
    """ann has 40 events before the test and 2 of it, bob 3 and 1, cy none of the test."""
    rows = []
    for user, past, test in (("ann", 40, 2), ("bob", 3, 1), ("cy", 5, 0)):
        for i in range(past + test):
            role = "test" if i >= past else "validation" if i >= past - 2 else "train"
            rows.append((user, f"i{i}", "buy", 1000 * i, role, i))
    frame = spark.createDataFrame(rows, "user_id string, item_id string, event_type string, time bigint, role string, "
                                  "index int")  # fmt: skip
    return frame.selectExpr(*[c.name if c.name in frame.columns else f"cast(null as {c.kind}) as {c.name}"
                              for c in tables.SPLIT.columns])  # fmt: skip


def walked(spark: Any, seed: int = 1) -> dict[tuple[str, str], list[tuple[str, str]]]:
    split = log(spark)
    items = spark.createDataFrame([(i + 2, f"new {i}") for i in range(9)], "item int, item_id string")
    who = disturbed.sample(split, 10, seed)
    of = split.join(who, "user_id", "left_semi")
    made = disturbed.split(of, items, 9, disturbed.probes(CONF), LONGER, seed)
    out: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for r in disturbed.told(made).orderBy("probe", "user_id", "index").collect():
        mine = out.setdefault((r.probe, r.user_id), [])
        assert r["index"] == len(mine)
        mine.append((r.item_id, r.role))
    return out


def test_each_probe_is_a_user_of_its_own(spark: Any) -> None:
    found = walked(spark)
    names = [p.name for p in disturbed.probes(CONF)]
    long = ["long histories, last window", "long histories, fed whole"]
    assert set(found) == {(n, u) for n in names for u in ("ann", "bob") if u == "ann" or n not in long}
    whole = found["as it is", "ann"]
    assert [item for item, _ in whole] == [f"i{i}" for i in range(42)]
    assert found[long[0], "ann"] == found[long[1], "ann"] == whole
    for (_, user), events in found.items():  # what is to be guessed stays
        assert [e for e in events if e[1] == "test"] == [e for e in found["as it is", user] if e[1] == "test"]
        assert events[-1][1] == "test"
    assert found["first 0", "ann"] == whole[-2:] and found["first 2", "bob"] == [("i0", "train"), ("i1", "validation"),
                                                                                ("i3", "test")]  # fmt: skip
    dropped = [item for item, role in found["50% dropped", "ann"] if role != "test"]
    assert 8 < len(dropped) < 32 and dropped == [item for item, _ in whole if item in dropped]
    added = found["50% random added", "ann"]
    assert 50 < len(added) < 74
    assert [e for e in added if not e[0].startswith("new")] == whole
    assert len({item for item, _ in added if item.startswith("new")}) > 3
    twice = found["every event twice", "bob"]
    assert [item for item, _ in twice] == ["i0", "i0", "i1", "i1", "i2", "i2", "i3"]


def test_who_and_what_is_a_matter_of_the_seed(spark: Any) -> None:
    assert walked(spark) == walked(spark) != walked(spark, seed=2)
    split = log(spark)
    assert [r.user_id for r in disturbed.sample(split, 1, 1).collect()] in (["ann"], ["bob"])
    users = spark.createDataFrame([("ann", 1)], "user_id string, x int")
    rows = disturbed.told(disturbed.users(users, disturbed.probes(CONF))).collect()
    assert sorted(r.probe for r in rows) == sorted(p.name for p in disturbed.probes(CONF))
    assert {(r.user_id, r.x) for r in rows} == {("ann", 1)}
