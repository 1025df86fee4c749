"""All nine jobs on a small shop: twice the same, the second time nothing to do, and on after a kill."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import functions as F

from lstmrec import versions
from lstmrec.cli import label
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.store import door
from lstmrec.store.read import read
from tests.road import small

JOBS = ("clean", "split", "normalise", "profile", "sequence", "train", "score", "evaluate", "report")


def walk(spark: Any, conf: Config) -> dict[str, str]:
    """Every job's state."""
    return {n: door.walk(importlib.import_module(f"lstmrec.jobs.{n}"), conf, spark=spark).state for n in JOBS}


def fingerprints(root: Path) -> dict[str, str]:
    """What each table that the road made holds; the report tells durations and so differs from run to run."""
    aside = {"report", "labels", "candidates", "judged"}  # the last three are of verbs and flows of their own
    made = [t for t in tables.ALL if t.name not in aside and versions.log(str(root), t.name)]
    assert {t.name for t in tables.ALL} - {t.name for t in made} == {*aside, "user_states"}  # of carry modes alone
    return {t.name: versions.current(str(root), t).fingerprint for t in made}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    small.write(folder)
    return folder


@pytest.fixture(scope="module")
def road(spark: Any, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Config:
    conf = validate(small.config(tmp_path_factory.mktemp("road") / "run", source))
    assert walk(spark, conf) == dict.fromkeys(JOBS, "ok")
    return conf


def test_the_second_run_has_nothing_to_do(spark: Any, road: Config) -> None:
    before = fingerprints(Path(road.root))
    assert walk(spark, road) == dict.fromkeys(JOBS, "skip")
    assert fingerprints(Path(road.root)) == before


@pytest.mark.slow
def test_another_run_with_other_partitions_gives_the_same(
    spark: Any, road: Config, source: Path, tmp_path: Path
) -> None:
    spark.conf.set("spark.sql.shuffle.partitions", "5")
    try:
        conf = validate(small.config(tmp_path / "run", source))
        walk(spark, conf)
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", "2")
    assert fingerprints(tmp_path / "run") == fingerprints(Path(road.root))


def test_nothing_is_lost_in_cleaning(road: Config) -> None:
    events = versions.current(road.root, tables.EVENTS)
    rejected = events.facts["rejected"]
    assert events.rows_in == events.rows_out + events.rows_rejected
    assert rejected == {"null_user": 1, "low_quantity": 2, "future": 1, "duplicate": 15}


def test_everybody_is_served_once_by_everyone(spark: Any, road: Config) -> None:
    lists = read(spark, road.root, tables.RECOMMENDATIONS, where={"role": "serve"})
    users = {r.user_id for r in read(spark, road.root, tables.USERS).collect()}
    assert len(users) == small.USERS + 2 and {"u-new", "u-dirty"} <= users
    for recommender in [r.name for r in road.score.recommenders]:
        rows = lists.where(f"recommender = '{recommender}'").collect()
        assert sorted(r.user_id for r in rows) == sorted(users), recommender
        assert all(len(r["items"]) == road.score.k for r in rows), recommender
    reasons = {r.user_id: r.reason for r in lists.where("recommender = 'model'").collect()}
    assert (reasons["u-new"], reasons["u-dirty"]) == ("profile_only", "popularity")


def test_the_model_learnt_what_people_come_back_for(road: Config) -> None:
    metrics = json.loads((Path(road.root) / "metrics.json").read_text())
    assert metrics["users_scored"] == small.USERS + 2
    assert metrics["model"]["ndcg_10"] > metrics["popularity"]["ndcg_10"]
    assert metrics["beats_popularity"] is True


def test_what_lists_show_and_who_is_served_worse_is_told(spark: Any, road: Config) -> None:
    rows = read(spark, road.root, tables.METRICS).where("role = 'test' AND recommender = 'model' AND k = 10").collect()
    whole = {r["metric"]: r["value"] for r in rows if r["slice"] == "all"}
    assert {"gini", "novelty", "diversity", "vector_diversity", "serendipity", "snips_ndcg"} <= set(whole)
    assert 0 < whole["diversity"] <= 1 and 0 < whole["vector_diversity"] <= 2 and 0 < whole["percentile"] < 1
    users = {r["slice"]: r["users"] for r in rows if r["metric"] == "ndcg"}
    assert sum(n for s, n in users.items() if s.startswith("segment:")) == users["all"]
    assert users["item:cold"] > 0 and users["repeat"] > 0
    facts = versions.current(road.root, tables.METRICS).facts
    assert {"segment", "history", "item", "target"} & {g["family"] for g in facts["gaps"]} and facts[
        "test_touched"
    ] == 1


def test_lists_say_why(spark: Any, road: Config) -> None:
    lists = read(spark, road.root, tables.RECOMMENDATIONS, where={"role": "serve", "recommender": "model"})
    past = {r["user_id"]: set(r["items"]) for r in read(spark, road.root, tables.SPLIT).groupBy("user_id").agg(
        F.collect_set("item_id").alias("items")).collect()}  # fmt: skip
    rows = [r for r in lists.collect() if r["reason"] == "full_history"]
    assert all({w["item_id"] for each in r["reasons"] for w in each} <= past[r["user_id"]] for r in rows)
    assert sum(bool(each) for r in rows for each in r["reasons"]) > 0.9 * sum(len(r["items"]) for r in rows)
    facts = versions.current(road.root, tables.METRICS).facts["because"]
    assert facts["users"] == 30 and facts["items"] == 60 and facts["steps"] == [1, 2, 4]
    score = {(r["curve"], r["order"]): r["score"][0] for r in facts["curves"] if r["step"] == "area"}
    assert score["deletion", "influence"] > max(v for (c, o), v in score.items() if (c, o[0]) == ("deletion", "r"))
    assert "Reasons outweigh" in (Path(road.root) / "report.html").read_text()


def test_what_came_next_is_labelled(spark: Any, road: Config) -> None:
    made = door.walk(importlib.import_module("lstmrec.jobs.label"), road, spark=spark).manifest
    rows = [r.asDict() for r in read(spark, road.root, tables.LABELS).collect()]
    windows = read(spark, road.root, tables.WINDOWS).where("role = 'serve'").collect()
    assert made.rows_out == len(rows) == sum(r["stop"] - r["start"] for r in windows)
    assert any(r["start"] > 0 for r in windows)
    figures = {r["role"]: r for r in made.facts["roles"]}
    assert figures["train"]["mrr"] > 3 / 120 and figures["test"]["labelled"] > 0.8 * figures["test"]["events"]
    assert {r["position"] for r in rows if r["user_id"] == "u001"} == {
        r["position"] for r in label.of_user(road, "u001")
    }
    for mine in label.of_user(road, "u001"):  # without Spark
        (row,) = [r for r in rows if r["user_id"] == "u001" and r["position"] == mine["position"]]
        assert all(row[k] == mine[k] for k in ("item_id", "time", "role", "rank"))
        assert row["surprise"] == pytest.approx(mine["surprise"], abs=1e-4)


def test_short_and_dirty_histories_are_probed(road: Config) -> None:
    facts = versions.current(road.root, tables.METRICS).facts["probes"]
    found = {row["probe"]: row for row in facts}
    assert list(found) == ["as it is", "first 0", "first 2", "30% dropped", "10% random added", "every event twice",
                           "long histories, last window", "long histories, fed whole"]  # fmt: skip
    assert found["first 0"]["users"] == found["as it is"]["users"] == 40 > found["long histories, fed whole"]["users"]
    assert found["as it is"]["overlap"] == 1.0 > found["30% dropped"]["overlap"] > found["first 0"]["overlap"]
    assert found["as it is"]["ndcg_10"][0] > found["first 0"]["ndcg_10"][0]
    assert found["first 0"]["gap_profile"] is not None is found["30% dropped"]["gap_profile"]
    assert found["first 2"]["against"] == "popularity, first 2" and found["30% dropped"]["gap"][0] < 0
    for row in facts:
        value, low, high = row["ndcg_10"]
        assert low <= value <= high


def test_items_never_trained_on_are_ranked_beside_chance(spark: Any, road: Config) -> None:
    rows = versions.current(road.root, tables.METRICS).facts["cold"]
    found = {(r["ranker"], r["among"]): r for r in rows}
    assert found.keys() == {
        (r, a) for r in ("model", "popularity", "newest", "content", "random") for a in ("all", "cold")
    }
    held = read(spark, road.root, tables.SPLIT).where("role = 'test'").join(
        read(spark, road.root, tables.ENCODED_ITEMS).where("id = 1 AND count = 0"), "item_id", "left_semi")  # fmt: skip
    assert found["model", "all"]["targets"] == held.select("user_id", "item_id").distinct().count() > 20
    assert found["random", "all"]["percentile"][0] == found["random", "cold"]["percentile"][0] == pytest.approx(0.5)
    chance = found["random", "all"]
    assert chance["recall_10"][0] == pytest.approx(10 / chance["candidates"], rel=0.1)
    assert 0 < found["content", "cold"]["percentile"][0] != 0.5
    assert found["popularity", "all"]["percentile"][0] < 0.5  # it knows the withheld events


def test_the_report_escapes_what_the_data_says(road: Config) -> None:
    page = (Path(road.root) / "report.html").read_text()
    assert "Thing &lt;b&gt;" in page and "Thing <b>" not in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page.replace(
        "https://www.w3.org", ""
    )


@pytest.mark.horovod
def test_two_horovod_ranks_fed_by_petastorm_learn_the_same(spark: Any, road: Config, source: Path) -> None:
    """Another way to train over the same sequences gives a bundle of the same quality, under the same skip key."""
    more = {"train": {"launch": "horovodrun", "ranks": 2, "reader": "petastorm"}}
    conf = validate(small.config(Path(road.root), source, **more))
    train = importlib.import_module("lstmrec.jobs.train")
    solo = versions.current(road.root, tables.BUNDLE)
    assert door.walk(train, conf).state == "skip", "who computes a result is no part of it"
    ranks = door.walk(train, conf, force=True).manifest
    assert ranks.version != solo.version
    assert ranks.facts["ndcg_10"] == pytest.approx(solo.facts["ndcg_10"], abs=2e-3)
    versions.append(road.root, "bundle", solo.version)


def cli(*args: str) -> list[str]:
    return [sys.executable, "-m", "lstmrec.cli.main", *args]


@pytest.mark.slow
def test_a_run_killed_in_the_middle_goes_on(road: Config, source: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(yaml.safe_dump(small.config(tmp_path / "run", source)))
    env = os.environ | {"LSTMREC_SPARK_MASTER": "local[2]"}
    with open(tmp_path / "log", "w") as log:
        first = subprocess.Popen(cli("run", "--config", str(config)), stdout=log, stderr=log, env=env,
                                 start_new_session=True)  # fmt: skip
        while first.poll() is None and not versions.log(str(tmp_path / "run"), "encoded_users"):
            time.sleep(0.05)  # in the middle of normalise: some of its tables are there, the last is not
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    again = subprocess.run(cli("run", "--config", str(config)), capture_output=True, text=True, env=env, check=False)
    assert again.returncode == 0, again.stderr[-3000:]
    said = again.stdout.splitlines()
    assert any("1/9 clean" in line and "skip" in line for line in said)
    assert any("3/9 normalise" in line and " ok " in line for line in said)
    assert fingerprints(tmp_path / "run") == fingerprints(Path(road.root))
    tail = json.loads(said[-1])
    assert tail["users"] and tail["ndcg_10"] > 0
    assert versions.log(str(tmp_path / "run"), "recommendations", "live")


@pytest.mark.slow
def test_each_door_by_itself_gives_the_same(road: Config, source: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(yaml.safe_dump(small.config(tmp_path / "run", source)))
    submit = str(Path(sys.executable).parent / "spark-submit")
    for door_file in sorted((Path(__file__).parents[2] / "jobs").glob("s*.py")):
        done = subprocess.run([submit, "--master", "local[2]", str(door_file), "--config", str(config)],
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    assert fingerprints(tmp_path / "run") == fingerprints(Path(road.root))
