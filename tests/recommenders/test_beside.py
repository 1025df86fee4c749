"""What a bundle is held against: the same figures as the recommenders' own lists, for whoever is asked about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyspark.sql import functions as F

from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts.units import FIXED
from lstmrec.recommenders import beside, content, content_votes, lists, profile
from lstmrec.scoring import cold
from tests.recommenders import logs
from tests.recommenders.test_content import ITEMS, USERS, catalogue


def config(*entries: dict[str, Any], history: str = "ignore") -> Config:
    events = {"path": ["x"], "user_id": "u", "item_id": "i", "time": "t"}
    recommenders = [{"kind": "model"}, *entries]
    return validate({"root": "r", "as_of": "2020-01-01T00:00:00Z", "clean": {"events": events},
                     "sequence": {"history": history}, "score": {"k": 20, "recommenders": recommenders}})  # fmt: skip


def test_likeness_is_the_score_of_the_content_lists(spark: Any) -> None:
    conf, items = config({"kind": "content", "recent": 3}), catalogue()
    frame = spark.createDataFrame(logs.log(5), logs.DDL)
    numbered = [(i, n + 2, *row) for n, (i, row) in enumerate(sorted(items.items()))]
    encoded = spark.createDataFrame(numbered, "item_id string, item int, " + ITEMS.removeprefix("item_id string, "))
    who = spark.createDataFrame([(u,) for u in USERS], "user_id string")
    near = beside.near(conf)
    assert near is not None and beside.near(config()) is None
    rows, liked = near(who, frame, encoded)
    votes = content_votes.over(*cold.flat(rows.collect(), 2 + len(items)))
    place, entry = {n: i for i, n, *_ in numbered}, conf.score.recommenders[1]
    found = content.score(who, frame, content.fit(frame, entry, encoded), entry, None, 20, lists.Shown("none"))
    listed = {r["user_id"]: {x["item_id"]: x["score"] for x in r["items"] if x["score"] > 0} for r in found.collect()}
    theirs = {r["user_id"]: (np.array(r["keys"]), np.array(r["weights"])) for r in liked.collect()}
    assert theirs.keys() == {u for u, own in listed.items() if own} and len(theirs) > 9
    for u, (keys, weights) in theirs.items():
        got = votes(keys, weights, -1)
        mine = {place[n]: got[n] / FIXED**2 for n in range(2, len(got)) if got[n] > 0}
        assert mine == pytest.approx(listed[u])
    assert not votes(np.array([], np.int64), np.array([], np.int64), -1).any()  # who had nothing likes nothing


def test_plain_lists_of_others_are_those_they_would_get(spark: Any) -> None:
    entry = {"kind": "profile", "shrink": 2.0}
    conf, rows = config(entry, history="filter"), logs.log(5)
    frame = spark.createDataFrame(rows, logs.DDL)
    people = spark.createDataFrame([(f"u{u}", {"town": "ab"[u % 2]}) for u in range(12)],
                                   "user_id string, attributes map<string,string>")  # fmt: skip
    copies = people.withColumn("user_id", F.concat(F.lit("first 0 "), "user_id"))
    everybody, none = people.unionByName(copies), frame.where("false")
    made = {name: plain(copies.select("user_id"), frame, none, everybody) for name, plain in beside.plain(conf).items()}
    assert made.keys() == {"popularity", "profile"} and beside.plain(config()).keys() == {"popularity"}
    shown = lists.Shown("none")  # nobody asked about has had anything
    want = profile.score(people.select("user_id"), frame, profile.fit(frame, conf.score.recommenders[1], people),
                         conf.score.recommenders[1], None, 20, shown)  # fmt: skip
    listed = {r["user_id"]: r["items"] for r in want.collect()}
    got = {r["user_id"].removeprefix("first 0 "): r["items"] for r in made["profile"].collect()}
    assert got == listed and len({tuple(x["item_id"] for x in items) for items in got.values()}) == 2
    assert len({tuple(x["item_id"] for x in r["items"]) for r in made["popularity"].collect()}) == 1
