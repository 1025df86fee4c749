"""A day's lists judged by what users did since, variant by variant: a small root made by pyarrow, the job in Spark."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lstmrec import files, versions
from lstmrec.config.run import Config
from lstmrec.config.split import instant_us
from lstmrec.contracts import tables
from lstmrec.jobs import judge
from lstmrec.rows import select
from lstmrec.store import publish
from lstmrec.store.daily.judge import trial
from tests import made

USERS = [f"u{n:03d}" for n in range(150)]
TRIAL = {"salt": "s", "of": [{"name": "control", "recommender": "model", "share": 0.6},
                             {"name": "b", "recommender": "knn", "share": 0.4}]}  # fmt: skip
LATE = 1 / math.log2(3)  # of one target at the second place


def of(user: str) -> str:
    return "b" if int(user[1:]) % 5 < 2 else "control"


def conf_of(path: Path, day: int, **more: Any) -> Config:
    base = {"score": {"k": 2, "recommenders": [{"kind": "model"}, {"kind": "item_knn", "name": "knn"}]},
            "evaluate": {"ks": [2], "bootstrap": 120}, "variants": TRIAL, "flow": "daily",
            "as_of": f"2018-01-{day:02d}T00:00:00Z"}  # fmt: skip
    return made.config(path, **(base | more))


def put(path: Path, conf: Config, table: tables.Table, version: str, rows: Any, **more: Any) -> None:
    """A version as of the config's instant."""
    made.put(path, table, rows, version=version, **more)
    place = files.join(versions.folder(str(path), table.name, version), "_MANIFEST.json")
    told = replace(versions.load(str(path), table, version), as_of=conf.as_of)
    files.local(place).write_text(told.to_json())


def serve(path: Path, conf: Config, asked: Any = TRIAL) -> None:
    """Lists of a day, published: the model's have `hit` first, those of knn second."""
    rows = [made.listed(name, "serve", u, items)
            | {"variant": of(u) if asked and (of(u) == "b") == (name == "knn") else None}
            for u in USERS for name, items in (("model", ["hit", "x"]), ("knn", ["x", "hit"]))]  # fmt: skip
    version = f"l{conf.as_of[8:10]}"
    put(path, conf, tables.RECOMMENDATIONS, version, rows, config={"variants": asked})
    publish._move(str(path), {"recommendations": version})


def happen(path: Path, conf: Config, missed: tuple[str, ...] = ()) -> None:
    """Everybody takes `hit` in the last hours, but those who take something that no list holds."""
    rows = [{"user_id": u, "item_id": "none" if u in missed else "hit", "event_type": "buy", "row_hash": 1, "index": 1,
             "time": instant_us(conf.as_of) - 3_600_000_000, "role": "train"} for u in USERS]  # fmt: skip
    put(path, conf, tables.SPLIT, f"s{conf.as_of[8:10]}", rows)
    put(path, conf, tables.USERS, f"u{conf.as_of[8:10]}", [{"user_id": u, "attributes": []} for u in USERS])


def test_each_variant_is_judged_by_its_own_users(spark: Any, tmp_path: Path) -> None:
    first, second, third = (conf_of(tmp_path, day) for day in (2, 3, 4))
    serve(tmp_path, first)
    missed = tuple(u for u in USERS if of(u) == "b")[:30]
    happen(tmp_path, second, missed)
    told = judge.run(spark, second)
    found, half = told.facts["variants"], LATE / 2
    assert {n: (f["recommender"], f["users"]) for n, f in found["figures"].items()} == {
        "control": ("model", 90), "b": ("knn", 60),
    }  # fmt: skip
    assert [found["figures"][n]["value"] for n in ("control", "b")] == pytest.approx([1.0, half], abs=1e-6)
    gap = found["today"]["b"]
    assert gap["value"] == pytest.approx(half - 1, abs=1e-6) and gap["low"] < gap["value"] < gap["high"] < 0
    error = LATE / 2 / math.sqrt(60)  # of a coin's mean: the control's users are all alike
    assert gap["high"] - gap["low"] == pytest.approx(2 * 1.96 * error, rel=0.35)
    assert found["so_far"]["b"] == {"days": 1, "users": [60, 90], "estimate": gap["value"], "low": None, "high": None,
                                    "decided": None}  # fmt: skip
    rows = {(r["recommender"], r["slice"]): r for r in select(str(tmp_path), told, list(tables.JUDGED.names))
            if r["metric"] == "ndcg"}  # fmt: skip
    assert rows["knn", "variant:b"]["users"] == 60 and rows["model", "all"]["users"] == 150
    assert rows["knn", "variant:control"]["value"] == pytest.approx(LATE, abs=1e-6)  # what they were not shown

    serve(tmp_path, second)
    happen(tmp_path, third, missed)
    before = judge.sources(third)["experiment"]
    later = judge.run(spark, third).facts["variants"]
    assert later["key"] == found["key"] and later["so_far"]["b"]["days"] == 2
    so_far = later["so_far"]["b"]
    assert [h["day"] for h in later["history"]] == [second.as_of, third.as_of]
    assert later["history"][0] == found["history"][0]
    assert so_far["users"] == [120, 180] and so_far["high"] < 0 and so_far["decided"] == third.as_of
    assert judge.sources(third)["experiment"] == before  # made again, it goes on from the day before, not from itself

    lists = versions.current(str(tmp_path), tables.RECOMMENDATIONS)
    known = trial(conf_of(tmp_path, 5), lists, 2)
    assert known is not None and known.before["states"]["b"]["days"] == 2
    for changed in ({"evaluate": {"ks": [2], "bootstrap": 121}}, {"seed": 7},
                    {"evaluate": {"ks": [2], "bootstrap": 120, "sequential": {"alpha": 0.01}}}):  # fmt: skip
        assert trial(conf_of(tmp_path, 5, **changed), lists, 2).before == {}


def test_lists_of_before_an_experiment_are_judged_as_ever(spark: Any, tmp_path: Path) -> None:
    first, second = conf_of(tmp_path, 2), conf_of(tmp_path, 3)
    serve(tmp_path, first, None)
    happen(tmp_path, second)
    assert "experiment" not in judge.sources(second)
    told = judge.run(spark, second)
    assert "variants" not in told.facts and told.facts["days"]["model"]["ndcg_2"] == pytest.approx(1.0, abs=1e-6)


def test_users_without_events_since_are_not_read(spark: Any, tmp_path: Path) -> None:
    def rows(users: list[str], *events: tuple[str, Config]) -> list[dict[str, Any]]:
        return [{"user_id": u, "item_id": item, "event_type": "buy", "row_hash": n, "index": n, "role": "train",
                 "time": instant_us(conf.as_of) - 3_600_000_000}
                for u in users for n, (item, conf) in enumerate(events)]  # fmt: skip

    first, second, third = (conf_of(tmp_path, day, evaluate={"ks": [2]}) for day in (2, 3, 4))
    serve(tmp_path, second)
    before, since, last = ("x", first), ("hit", third), USERS[-30:]
    put(tmp_path, first, tables.SPLIT, "s02", rows(USERS, before))
    put(tmp_path, second, tables.SPLIT, "s03", rows(USERS[:10], before, ("x", second)), facts={"chain": ["s02"]})
    put(tmp_path, third, tables.SPLIT, "s04", rows(last, before, since), facts={"chain": ["s02", "s03"]})
    put(tmp_path, third, tables.USERS, "u04", [{"user_id": u, "attributes": []} for u in USERS])
    for old in ("s02", "s03"):
        for file in (tmp_path / "split" / old / "data").rglob("*.parquet"):
            file.unlink()
    grown = judge.run(spark, third)
    put(tmp_path, third, tables.SPLIT, "s04-whole",
        rows(USERS[10:-30], before) + rows(USERS[:10], before, ("x", second)) + rows(last, before, since))  # fmt: skip
    whole = judge.run(spark, third)
    assert grown.fingerprint == whole.fingerprint and grown.facts["users"] == whole.facts["users"] == 30
