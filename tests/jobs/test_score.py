from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.jobs import score
from lstmrec.store import door
from lstmrec.store.read import read
from tests.model import worlds
from tests.scoring import bundles

RECOMMENDERS = [{"kind": "model"}, {"kind": "popularity"}, {"kind": "item_knn", "name": "knn"}]
TESTED = [f"u{i}" for i in range(6)]


def a_root(root: Path) -> Any:
    """Twenty-two users: u4 has nothing at all, u1 only demographics, u0 .. u5 have a test event."""
    bundles.seal_bundle(root, worlds.net(**{**worlds.RICH, "history": "learn"}))
    bundles.seal(root, tables.ENCODED_ITEMS, bundles.encoded())
    rows = bundles.sequences()
    users = [r["user_id"] for r in rows]
    bundles.seal(root, tables.USERS, [{"user_id": u, "attributes": []} for u in users])
    more = {c.name: [] if c.kind.startswith("array") else 0 for c in tables.SEQUENCES.columns}
    made = [{**more, **r, "role": role, "n_before": sum(i > 0 for i in r["before_items"])}
            for role in ("test", "serve") for r in rows if role == "serve" or r["user_id"] in TESTED]  # fmt: skip
    bundles.seal(root, tables.SEQUENCES, made)
    events = [(u, f"item {2 + (3 * i + j * j) % 28}", "train", j) for i, u in enumerate(users) if u not in ("u1", "u4")
              for j in range(1 + i % 7)]  # fmt: skip
    events += [(u, "item 9", "test", 7) for u in TESTED]
    split = [{"user_id": u, "item_id": i, "event_type": "e", "time": (100 * j + k) * 1_000_000, "row_hash": k,
              "role": role, "index": j} for k, (u, i, role, j) in enumerate(events)]  # fmt: skip
    bundles.seal(root, tables.SPLIT, split)
    cuts = [{"role": r, "time": 10**9, "rule": "", "users": 0, "events": 0} for r in tables.ROLES]
    bundles.seal(root, tables.CUTS, cuts)
    conf = {"root": str(root), "as_of": "2020-01-01T00:00:00Z", "clean": {"events": {"path": ["x"]}},
            "sequence": {"history": "learn"}, "score": {"k": 4, "batch": 4, "roles": ["test", "serve"],
            "recommenders": RECOMMENDERS, "short_history": 3}, "evaluate": {"ks": [4]}}  # fmt: skip
    return validate(conf)


def test_every_user_gets_one_list_from_everybody(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = a_root(tmp_path)
    manifest = score.run(spark, conf)
    rows = read(spark, conf.root, tables.RECOMMENDATIONS).collect()
    count = Counter((r["recommender"], r["role"]) for r in rows)
    assert count == {(n, role): k for n in ("model", "popularity", "knn") for role, k in (("test", 6), ("serve", 22))}
    assert manifest.facts["users"] == {"test": 6, "serve": 22}
    assert manifest.facts["scored"]["knn"] == {"test": 6, "serve": 22}
    assert manifest.facts["told"] == {"users": "22", "recommenders": 3}
    assert manifest.rows_in == manifest.rows_out == 84
    of = {(r["recommender"], r["role"], r["user_id"]): r for r in rows}
    assert all(len(r["items"]) == 4 for r in rows)
    ladder = [of["model", "serve", u] for u in ("u4", "u7", "u6")]
    assert [(r["reason"], r["history"]) for r in ladder] == [
        ("short_history", 1), ("short_history", 1), ("full_history", 7)
    ]  # fmt: skip
    assert of["model", "test", "u4"]["reason"] == "popularity" and of["model", "test", "u4"]["history"] == 0
    assert of["model", "test", "u1"]["reason"] == "profile_only"
    assert of["model", "test", "u0"]["model"] == versions.current(conf.root, tables.BUNDLE).fingerprint
    assert len({r["model"] for r in rows}) == 3 and {r["as_of"] for r in rows} == {conf.as_of_us}
    catalogue = {r["item_id"] for r in bundles.encoded()}
    assert all(x["item_id"] in catalogue for r in rows for x in r["items"])
    assert versions.current(conf.root, tables.ITEM_VECTORS).rows_out == 28
    assert door.done(score, conf) is not None
    assert not list((tmp_path / "_work" / "score").iterdir())

    one = conf.score.model_copy(update={"roles": ["test"], "recommenders": conf.score.recommenders[:1]})
    lossy = conf.model_copy(update={"score": one})
    monkeypatch.setattr(score.udf, "recommend", lambda frame, o: recommend(frame.where("user_id <> 'u3'"), o))
    with pytest.raises(DataError) as caught:
        score.run(spark, lossy)
    assert caught.value.code == "D710" and "6 users in, 5 lists out" in str(caught.value) and "u3" in str(caught.value)


recommend = score.udf.recommend
