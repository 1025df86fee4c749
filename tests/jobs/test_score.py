from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.jobs import score
from lstmrec.scoring import fill
from lstmrec.store import door
from lstmrec.store.read import read
from tests.model import worlds
from tests.scoring import bundles

RECOMMENDERS = [{"kind": "model"}, {"kind": "popularity"}, {"kind": "item_knn", "name": "knn"}]
TESTED = [f"u{i}" for i in range(6)]
recommend = fill.udf.recommend


def a_root(root: Path, n_items: int = 30, validated: bool = False, **asked: Any) -> Any:
    """Twenty-two users: u4 has nothing at all, u1 only demographics, u0 .. u5 have a test event; some events are of an
    item that is in no catalogue. Even users live north, every third south, the others nowhere. validated: u0 .. u5 have
    a validation event, too."""
    bundles.seal_bundle(root, worlds.net(**{**worlds.RICH, "history": "learn"}))
    encoded = bundles.encoded(n_items)
    bundles.seal(root, tables.ENCODED_ITEMS, encoded)
    items = [{"item_id": r["item_id"], "tags": [f"kind={r['item'] % 3}"], "numeric": []} for r in encoded]
    bundles.seal(root, tables.ITEMS, items)
    rows = bundles.sequences()
    users = [r["user_id"] for r in rows]
    live = {u: "north" if i % 2 == 0 else "south" if i % 3 == 0 else None for i, u in enumerate(users)}
    known = [{"user_id": u, "attributes": [("home", live[u])] if live[u] else []} for u in users]
    bundles.seal(root, tables.USERS, known)
    if n_items < 30:
        for r in rows:
            r |= {"items": [min(i, 1) for i in r["items"]], "before_items": [0 for _ in r["before_items"]]}
    more = {c.name: [] if c.kind.startswith("array") else 0 for c in tables.SEQUENCES.columns}
    made = [{**more, **r, "role": role, "n_before": sum(i > 0 for i in r["before_items"])}
            for role in tables.ROLES[1:] for r in rows if role == "serve" or r["user_id"] in TESTED]  # fmt: skip
    bundles.seal(root, tables.SEQUENCES, made)
    events = [(u, f"item {2 + (3 * i + j * j) % 28}", "train", j) for i, u in enumerate(users) if u not in ("u1", "u4")
              for j in range(1 + i % 7)]  # fmt: skip
    events += [("u7", "item 99", "train", 6)] + [(u, "item 9", "test", 7) for u in TESTED]
    events += [(u, f"item {5 + i % 3}", "validation", 7) for i, u in enumerate(TESTED) if validated]
    split = [{"user_id": u, "item_id": i, "event_type": "e", "time": (100 * j + k) * 1_000_000, "row_hash": k,
              "role": role, "index": j} for k, (u, i, role, j) in enumerate(events)]  # fmt: skip
    bundles.seal(root, tables.SPLIT, split)
    cuts = [{"role": r, "time": 10**9, "rule": "", "users": 0, "events": 0} for r in tables.ROLES]
    bundles.seal(root, tables.CUTS, cuts)
    for table in (tables.VOCABULARY, tables.ENCODED_USERS, tables.USER_PROFILES):
        bundles.seal(root, table, [])
    clean = {"events": {"path": ["x"]}, "users": {"path": ["x"], "attributes": ["home"]}}
    conf = {"root": str(root), "as_of": "2020-01-01T00:00:00Z", "clean": clean, "sequence": {"history": "learn"},
            "score": {"k": 4, "batch": 4, "roles": ["test", "serve"], "recommenders": RECOMMENDERS,
                      "ladder": {"short_history": 3}, **asked}, "evaluate": {"ks": [4]}}  # fmt: skip
    return validate(conf)


def lists(spark: Any, conf: Any) -> dict[tuple[str, str, str], Any]:
    rows = read(spark, conf.root, tables.RECOMMENDATIONS).collect()
    out = {(r["recommender"], r["role"], r["user_id"]): r for r in rows}
    assert len(out) == len(rows)
    return out


def test_every_user_gets_one_list_from_everybody(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = a_root(tmp_path)
    manifest = score.run(spark, conf)
    of = lists(spark, conf)
    count = Counter((r["recommender"], r["role"]) for r in of.values())
    assert count == {(n, role): k for n in ("model", "popularity", "knn") for role, k in (("test", 6), ("serve", 22))}
    assert manifest.facts["users"] == {"serve": 22, "test": 6}
    assert manifest.facts["scored"]["knn"] == {"test": 6, "serve": 22}
    assert manifest.facts["told"] == {"users": "22", "recommenders": 3}
    assert manifest.facts["reasons"]["model"]["test"] == {"full_history": 3, "short_history": 1, "profile_only": 1,
                                                          "popularity": 1}  # fmt: skip
    assert manifest.rows_in == manifest.rows_out == 84
    assert all(len(r["items"]) == 4 for r in of.values())
    ladder = [of["model", "serve", u] for u in ("u4", "u7", "u6")]
    assert [(r["reason"], r["history"]) for r in ladder] == [
        ("short_history", 1), ("short_history", 2), ("full_history", 7)
    ]  # fmt: skip
    cold = of["model", "test", "u4"]
    assert cold["reason"] == "popularity" and cold["history"] == 0
    assert cold["items"] == of["popularity", "test", "u4"]["items"]  # what it says it is
    assert of["model", "test", "u1"]["reason"] == "profile_only"
    assert of["model", "test", "u0"]["model"] == versions.current(conf.root, tables.BUNDLE).fingerprint
    assert len({r["model"] for r in of.values()}) == 3 and {r["as_of"] for r in of.values()} == {conf.as_of_us}
    catalogue = {r["item_id"] for r in bundles.encoded()}
    assert all(x["item_id"] in catalogue for r in of.values() if r["recommender"] == "model" for x in r["items"])
    assert versions.current(conf.root, tables.ITEM_VECTORS).rows_out == 28
    assert door.done(score, conf) is not None
    assert not list((tmp_path / "_work" / "score").iterdir())

    one = conf.score.model_copy(update={"roles": ["test"], "recommenders": conf.score.recommenders[:1]})
    lossy = conf.model_copy(update={"score": one})
    monkeypatch.setattr(fill.udf, "recommend", lambda frame, o: recommend(frame.where("user_id <> 'u3'"), o))
    with pytest.raises(DataError) as caught:
        score.run(spark, lossy)
    assert caught.value.code == "D710" and "6 users in, 5 lists out" in str(caught.value)
    assert hashlib.sha256(b"u3").hexdigest()[:12] in str(caught.value) and "u3" not in str(caught.value)


def test_who_asks_for_items_or_people_is_given_them(spark: Any, tmp_path: Path) -> None:
    kinds = ["content", "profile", "session_knn"]
    conf = a_root(tmp_path, roles=["serve"], recommenders=[{"kind": kind} for kind in kinds])
    arms = {"control": "content", "b": "profile", "again": "content"}
    trial = {"salt": "s", "of": [{"name": n, "recommender": r, "share": 0.4 if n == "b" else 0.3}
                                 for n, r in arms.items()]}  # fmt: skip
    conf = validate(conf.model_dump() | {"variants": trial})
    manifest = score.run(spark, conf)
    of = lists(spark, conf)
    assert Counter(name for name, _, _ in of) == dict.fromkeys(kinds, 22)
    shown = {u: r["variant"] for (_, _, u), r in of.items() if r["variant"] is not None}
    assert len(shown) == 22 and set(shown.values()) == set(arms)
    assert all((r["variant"] is not None) == (name == arms[shown[u]]) for (name, _, u), r in of.items())
    assert manifest.facts["variants"] == Counter(shown.values()) and manifest.config["variants"]["salt"] == "s"
    assert manifest.facts["told"]["variant b"] == f"{manifest.facts['variants']['b'] / 22:.2%}"
    assert all(len(r["items"]) == 4 for r in of.values())
    told = manifest.facts["reasons"]
    # u1 has no event, but lives somewhere or nowhere like everybody; u4 has one, of the test.
    lives = {r["user_id"] for r in read(spark, conf.root, tables.USERS).collect() if r["attributes"]}
    assert {u for name, _, u in of if name == "profile" and of[name, "serve", u]["reason"] != "popularity"} == lives
    assert told["content"]["serve"]["history"] > 15


def test_a_stopped_run_goes_on_with_the_missing_buckets(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                                        ) -> None:  # fmt: skip
    conf = a_root(tmp_path, buckets=3, roles=["serve"], recommenders=[{"kind": "model"}])
    users = [r["user_id"] for r in bundles.sequences()]
    scored: list[list[str]] = []

    def watched(frame: Any, options: Any, bad: str = "") -> Any:
        mine = [r["user_id"] for r in frame.select("user_id").collect()]
        scored.append(mine)
        if bad in mine:  # the worker dies in the middle of this bucket
            fails = F.when(F.col("user_id") == bad, F.raise_error(F.lit("killed"))).otherwise(F.col("user_id"))
            frame = frame.withColumn("user_id", fails.cast("string"))
        return recommend(frame, options)

    monkeypatch.setattr(score.buckets, "AT_ONCE", 1)
    of = read(spark, conf.root, tables.SEQUENCES, where={"role": "serve"})
    parts = [[r["user_id"] for r in score.roles.bucket(of, b, 3).collect()] for b in range(3)]
    assert sorted(u for part in parts for u in part) == sorted(users) and sum(map(bool, parts)) >= 2
    last = max(b for b, part in enumerate(parts) if part)
    monkeypatch.setattr(fill.udf, "recommend", lambda frame, o: watched(frame, o, parts[last][0]))
    with pytest.raises(Exception, match="killed"):
        score.run(spark, conf)
    vectors = versions.current(conf.root, tables.ITEM_VECTORS).version
    left = list((tmp_path / "_work" / "score").rglob("*.json"))
    assert len(left) >= last and len({p.parent for p in left}) == 1
    first, scored[:] = [p.name for p in left], []
    monkeypatch.setattr(fill.udf, "recommend", watched)
    score.run(spark, conf)
    again = [u for part in scored for u in part]
    assert sorted(again) == sorted(u for b, part in enumerate(parts) if f"{b:05d}.json" not in first for u in part)
    assert 0 < len(again) < len(users)
    assert sorted(u for _, _, u in lists(spark, conf)) == sorted(users)
    assert versions.current(conf.root, tables.ITEM_VECTORS).version == vectors
    assert not list((tmp_path / "_work" / "score").iterdir())
    whole = {u: [x["item_id"] for x in r["items"]] for (_, _, u), r in lists(spark, conf).items()}
    monkeypatch.setattr(fill.udf, "recommend", recommend)
    other = conf.model_copy(update={"score": conf.score.model_copy(update={"buckets": None})})
    score.run(spark, other)
    assert {u: [x["item_id"] for x in r["items"]] for (_, _, u), r in lists(spark, other).items()} == whole


def test_filters_hold_for_every_recommender(spark: Any, tmp_path: Path) -> None:
    shop, pins = tmp_path / "shop.csv", tmp_path / "pins.csv"
    rows = [f"item {i},{'' if i % 2 else 'north' if i % 4 else 'south'}" for i in range(2, 28)] + ["gone,"]
    shop.write_text("\n".join(["what,where", *rows]) + "\n")
    pins.write_text("item_id,position\nitem 27,2\nitem 4,1\n")
    table = {"format": "csv", "options": {"header": "true"}}
    filters = {"seen": "history", "banned": ["item 5", "item 7"], "per_tag": {"kind": 2},
               "eligible": {**table, "path": [str(shop)], "item_id": "what", "segment": "where", "attribute": "home"},
               "pinned_table": {**table, "path": [str(pins)]}}  # fmt: skip
    ladder = {"rungs": ["full_history", "segment_popularity", "popularity"], "short_history": 3, "attribute": "home"}
    conf = a_root(tmp_path / "root", filters=filters, ladder=ladder)
    manifest = score.run(spark, conf)
    assert manifest.facts["filters"]["unknown"] == {"eligible": 1} and manifest.facts["filters"]["pinned"] == 2
    of, had = lists(spark, conf), Counter[tuple[str, str, str]]()
    for r in read(spark, conf.root, tables.SPLIT).collect():
        for role in ("test", "serve"):
            had[role, r["user_id"], r["item_id"]] += role == "serve" or r["role"] == "train"
    home = {r["user_id"]: r["attributes"].get("home") for r in read(spark, conf.root, tables.USERS).collect()}
    assert len(of) == 84
    for (_, role, user), row in of.items():
        items = [int(x["item_id"].split()[1]) for x in row["items"]]
        where = {None: (1, 3), "north": (1, 2, 3), "south": (0, 1, 3)}[home[user]]
        assert all(i % 4 in where and i not in (5, 7, 28, 29) for i in items)
        assert max(Counter(i % 3 for i in items).values()) <= 2 and [x["rank"] for x in row["items"]] == [1, 2, 3, 4]
        assert items[:2] == [4, 27] if home[user] == "south" else items[1] == 27 and 4 not in items
        assert not any(had[role, user, f"item {i}"] for i in items if i not in (4, 27))
    for (name, role, user), row in of.items():
        assert row["history"] == sum(n for key, n in had.items() if key[:2] == (role, user))
        if name == "model":
            low = "segment_popularity" if home[user] else "popularity"
            assert row["reason"] == ("full_history" if row["history"] >= 3 else low)


def test_reasons_stand_beside_the_models_lists(spark: Any, tmp_path: Path) -> None:
    asked = {"because": {"events": 2, "within": 3}, "filters": {"pinned": {"item 20": 1}}, "roles": ["test"],
             "recommenders": RECOMMENDERS[:2]}  # fmt: skip
    conf = a_root(tmp_path, **asked)
    manifest = score.run(spark, conf)
    of, past = lists(spark, conf), {r["user_id"]: r["items"] for r in bundles.sequences()}
    for (name, _, user), row in of.items():
        if name != "model" or row["reason"] == "popularity":
            assert row["because"] is None and row["reasons"] is None
            continue
        assert len(row["reasons"]) == len(row["items"]) == 4 and row["items"][0]["item_id"] == "item 20"
        assert not row["reasons"][0] and (user == "u1" or any(row["reasons"]))  # nobody's events put it there
        named = {r["item_id"] for reasons in row["reasons"] for r in reasons}
        assert named <= {f"item {i}" for i in past[user]} and all(len(r) <= 2 for r in row["reasons"])
    told = manifest.facts["because"]["model-test"]
    assert told["users"] == 6 and told["explained"] >= 4
    assert 0 < told["users_per_core_second"]["with"] < told["users_per_core_second"]["without"]
    assert "with reasons" in manifest.facts["told"]["users/s a core"]


def test_one_item_and_nobody_who_knows_it(spark: Any, tmp_path: Path) -> None:
    conf = a_root(tmp_path, 3, recommenders=[{"kind": "model"}])
    score.run(spark, conf)
    of = lists(spark, conf)
    assert len(of) == 28 and {x["item_id"] for r in of.values() for x in r["items"]} == {"item 2"}
    assert {len(r["items"]) for r in of.values()} == {1}
    assert {r["reason"] for r in of.values()} == {"full_history", "short_history", "profile_only", "popularity"}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"filters": {"banned": ["no such item"], "unknown_items": "stop"}}, "D711"),
        ({"filters": {"banned": [f"item {i}" for i in range(2, 30)]}}, "D712"),
        ({"ladder": {"rungs": ["segment_popularity", "popularity"], "attribute": "age"}}, "C701"),
    ],
)
def test_what_cannot_be_meant_is_refused(spark: Any, tmp_path: Path, asked: dict[str, Any], code: str) -> None:
    conf = a_root(tmp_path, **asked)
    with pytest.raises((DataError, ConfigError)) as caught:
        score.run(spark, conf)
    assert caught.value.code == code
