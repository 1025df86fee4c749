"""s7 with entries made of others: lists of another root, blends of fitted weights, deeper than what is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.jobs import score
from lstmrec.store import another, door
from tests.jobs.test_score import TESTED, a_root, lists
from tests.scoring import bundles

AS_OF, CUTS = "2020-01-01T00:00:00Z", f"{len(tables.ROLES)}:cuts"


def elsewhere(root: Path, roles: tuple[str, ...] = ("validation", "test"), cuts: str = CUTS) -> None:
    """Another run's lists: for everybody but u3 the items 11, 5, 6 .. 10."""
    rows = [{"recommender": "model", "role": role, "user_id": u, "reason": "full_history", "history": 1, "model": "m",
             "as_of": 0, "items": [{"item_id": f"item {i}", "score": 20.0 - i, "rank": n + 1}
                                   for n, i in enumerate((11, 5, 6, 7, 8, 9, 10))]}
            for role in roles for u in TESTED if u != "u3"]  # fmt: skip
    bundles.seal(root, tables.RECOMMENDATIONS, rows, parents={"cuts": cuts} if cuts else {})


@pytest.mark.parametrize("more", [(), pytest.param(("als",), marks=pytest.mark.slow)])
def test_blends_tables_and_factors(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.setattr(another, "manifest", lambda entry: at(entry, AS_OF))
    elsewhere(tmp_path / "a")
    entries = [
        {"kind": "blend", "name": "alone", "of": ["model", "theirs"], "weights": [1.0, 0.0], "depth": 6, "by": "score"},
        {"kind": "blend", "of": ["alone", "theirs", *more], "weights": "fit", "depth": 7, "k": 4},
        {"kind": "model"}, {"kind": "table", "name": "theirs", "root": str(tmp_path / "a")},
        *({"kind": kind, "rank": 2, "iterations": 1} for kind in more),
    ]  # fmt: skip
    roles = ["validation", *(["test"] if more else [])]
    conf = a_root(tmp_path / "b", validated=True, roles=roles, recommenders=entries)
    manifest = score.run(spark, conf)
    of = lists(spark, conf)
    assert len(of) == len(entries) * len(roles) * 6 and all(len(r["items"]) == 4 for r in of.values())
    for role in conf.score.roles:
        for user in TESTED:
            model, alone, theirs = (of[name, role, user] for name in ("model", "alone", "theirs"))
            assert [x["item_id"] for x in alone["items"]] == [x["item_id"] for x in model["items"]]
            if user == "u3":
                assert theirs["reason"] == "popularity"
            else:
                assert [x["item_id"] for x in theirs["items"]] == [f"item {i}" for i in (11, 5, 6, 7)]
                assert theirs["reason"] == "full_history"
    told = manifest.facts["fitted"]
    assert set(told) == {"blend", *more} and set(told["blend"]["weights"]) == {"alone", "theirs", *more}
    assert sum(told["blend"]["weights"].values()) == 1
    halves = told["blend"]["fitted"], told["blend"]["judged"]
    assert sum(h["users"] for h in halves) == 6 and all(h["users"] for h in halves)
    # they list each user's validation item, 5, 6 or 7: no part is better
    assert halves[0]["ndcg_4"] >= max(halves[0]["parts"].values()) >= halves[0]["parts"]["theirs"] > 0.3
    assert len({r["model"] for r in of.values()}) == len(entries)
    assert set(manifest.facts["seconds"]["blend"]) == {"fit", *roles}
    assert manifest.parents["source:lists.theirs"] == "10:recommendations"
    assert door.done(score, conf) is not None and versions.log(conf.root, "recommendations") == [manifest.version]


def at(entry: Any, as_of: str) -> Any:
    """What was sealed, of another now."""
    return replace(versions.current(entry.root, tables.RECOMMENDATIONS), as_of=as_of)


@pytest.mark.parametrize(
    ("more", "as_of", "code", "said"),
    [
        ({"cuts": "other"}, AS_OF, "D740", "cuts is other"),
        ({"cuts": ""}, AS_OF, "D740", "cuts is none"),
        ({}, "2019-01-01T00:00:00Z", "D740", "as_of is 2019"),
        ({"roles": ("test",)}, AS_OF, "D741", "for validation"),
    ],
)
def test_lists_of_another_split_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], as_of: str, code: str, said: str
) -> None:
    monkeypatch.setattr(another, "manifest", lambda entry: at(entry, as_of))
    elsewhere(tmp_path / "a", **more)
    conf = a_root(tmp_path / "b", roles=["validation", "test"],
                  recommenders=[{"kind": "model"}, {"kind": "table", "root": str(tmp_path / "a")}])  # fmt: skip
    with pytest.raises(DataError, match=said) as caught:
        another.Another(None, conf)(conf.score.recommenders[1])
    assert caught.value.code == code


def test_no_run_no_lists(tmp_path: Path) -> None:
    conf = a_root(tmp_path / "b", recommenders=[{"kind": "table", "root": str(tmp_path / "nowhere")}])
    with pytest.raises(DataError, match="D105"):
        another.sources(conf)
    elsewhere(tmp_path / "nowhere")
    assert another.sources(conf) == {"source:lists.table": "10:recommendations"}
    pinned = a_root(tmp_path / "c", recommenders=[
        {"kind": "table", "root": str(tmp_path / "nowhere"), "version": "lost"}])  # fmt: skip
    with pytest.raises(DataError, match="D104"):
        another.sources(pinned)
