"""What a day costs: the scoring job over whole histories, and as an update with some users' new events alone.

    PYSPARK_SUBMIT_ARGS="--master local[1] ... pyspark-shell" python with_update.py ROOT [--users 200000]
                                                      [--items 100000] [--length 50] [--active 0.05] [--new-items 100]

Yesterday's states are made first. Then two of each user's events are new for `--active` of the users, and `--new-items`
items (which nobody took, so that they get into no list): the job runs as an update, twice, and again over whole
histories; both give the same lists, which is checked. Everything from Parquet to committed lists, session start not
counted. The last line is one JSON object: seconds and CPU seconds of both, the second time in this JVM, and the
update's share of the full run (`share`, `share_cpu`); `first_*`: those of the first time, when the JVM has compiled
nothing of either.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from clock import Tally
from prepare import write_bundle
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.jobs import score
from lstmrec.model.spec import NetSpec
from lstmrec.store import layout
from lstmrec.store.commit import Ticket, commit
from lstmrec.store.daily import links
from lstmrec.store.read import read
from lstmrec.store.session import session

WIDTH = 128
NEW = 2  # events of an active user


def write(spark: SparkSession, root: str, args: argparse.Namespace, day: int) -> None:
    """The tables that the job reads, of day 0 (before) or 1."""
    t = Ticket(root, "bench", 1, f"{day}" * 64, f"2020-01-0{day + 1}T00:00:00Z")
    items = args.items + day * args.new_items
    catalogue = spark.range(2, items + 2).select(
        F.col("id").cast("int").alias("item"), F.concat(F.lit("item-"), "id").alias("item_id"),
        F.when(F.col("id") < args.items + 2, F.col("id")).otherwise(1).cast("int").alias("key"),
    )  # fmt: skip
    count = F.when(F.col("key") == 1, 0).otherwise(1000).cast("bigint")
    encoded = {"item": "item", "item_id": "item_id", "id": "key"}
    commit(_as(catalogue, tables.ENCODED_ITEMS, encoded, count=count), t, tables.ENCODED_ITEMS)
    commit(_as(catalogue, tables.ITEMS, {"item_id": "item_id"}), t, tables.ITEMS)
    people = spark.range(args.users).select(F.concat(F.lit("user-"), "id").alias("user_id"), "id")
    for table in (tables.USERS, tables.ENCODED_USERS):
        commit(_as(people, table, {"user_id": "user_id"}), t, table)
    active = F.pmod(F.xxhash64("id"), F.lit(1000)) < int(1000 * args.active)
    n = F.lit(args.length) + F.when(active, NEW * day).otherwise(0)
    rows = people.select("user_id", "id", F.explode(F.sequence(F.lit(0), n - 1)).alias("index"))
    drawn = F.pmod(F.xxhash64("id", "index"), F.lit(args.items)) + 2
    events = rows.select(
        "user_id", F.concat(F.lit("item-"), drawn).alias("item_id"), F.col("index").cast("int").alias("index"),
        (F.col("index").cast("bigint") * 86_400_000_000).alias("time"), F.lit("train").alias("role"),
        F.lit("buy").alias("event_type"),
    )  # fmt: skip
    named = {c: c for c in events.columns}
    events, many = _as(events, tables.SPLIT, named), layout.buckets(spark, args.users * args.length)
    if day:  # as s2 of the daily flow leaves it: rows of who moved, on top of the version before
        moved = people.where(active).select("user_id")
        last = versions.current(root, tables.SPLIT)
        links.extend(spark, t, tables.SPLIT, last, moved, events.join(moved, "user_id", "left_semi"), 14, facts={})
    else:
        commit(events, t, tables.SPLIT, buckets=many, keys=False)
    for table in (tables.VOCABULARY, tables.USER_PROFILES, tables.SEQUENCES):
        commit(spark.createDataFrame([], table.ddl), t, table)
    cuts = spark.createDataFrame([("serve",)], "role string")
    commit(_as(cuts, tables.CUTS, {"role": "role"}, time=F.lit(10**15)), t, tables.CUTS)


def _as(frame: DataFrame, table: tables.Table, named: dict[str, str], **more: Any) -> DataFrame:
    """Columns of the contract: named ones, and nothing in the others."""
    nothing = {"array": F.array(), "map": F.create_map()}
    columns = []
    for c in table.columns:
        kind = c.kind.split("<", 1)[0]
        other = more.get(c.name, nothing.get(kind, F.lit(None) if c.nullable else F.lit("" if kind == "string" else 0)))
        value = F.col(named[c.name]) if c.name in named else other
        columns.append(value.cast(c.kind).alias(c.name))
    return frame.select(*columns)


def config(root: str, mode: str, day: int) -> Config:
    return validate({
        "root": root, "as_of": f"2020-01-0{day + 1}T00:00:00Z", "clean": {"events": {"path": ["x"]}},
        "score": {"mode": mode, "roles": ["serve"], "recommenders": [{"kind": "model"}]},
    })  # fmt: skip


def timed(spark: SparkSession, conf: Config, tally: Tally) -> tuple[float, float]:
    """(seconds, CPU seconds) of the job."""
    before, began = tally.seconds(), time.perf_counter()
    score.run(spark, conf)
    return time.perf_counter() - began, tally.seconds() - before


def lists(spark: SparkSession, root: str) -> DataFrame:
    return read(spark, root, tables.RECOMMENDATIONS).select("user_id", "items")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    for name, value in (("users", 200_000), ("items", 100_000), ("length", 50), ("new-items", 100)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--active", type=float, default=0.05, help="share of the users with new events")
    args = parser.parse_args()
    shutil.rmtree(args.root, ignore_errors=True)
    root, once = str(args.root), f"{args.root}-once"
    write_bundle(args.root, NetSpec(dim=WIDTH, units=WIDTH, trained=args.items + 2, history="filter"))
    with session("bench") as spark:
        tally = Tally()
        write(spark, root, args, 0)
        first_full = timed(spark, config(root, "carry", 0), tally)
        write(spark, root, args, 1)
        shutil.rmtree(once, ignore_errors=True)
        shutil.copytree(root, once, copy_function=os.link)  # no file is ever written twice
        first_update = timed(spark, config(once, "update", 1), tally)
        shutil.rmtree(once)
        update = timed(spark, config(root, "update", 1), tally)
        told, updated = versions.current(root, tables.USER_STATES).facts["users"], lists(spark, root)
        full = timed(spark, config(root, "carry", 1), tally)
        differing = updated.exceptAll(lists(spark, root)).count()
    print(json.dumps({
        "share": update[0] / full[0], "share_cpu": update[1] / full[1], "update_s": update[0], "full_s": full[0],
        "update_cpu_s": update[1], "full_cpu_s": full[1], "first_share_cpu": first_update[1] / first_full[1],
        "first_update_cpu_s": first_update[1], "first_full_cpu_s": first_full[1], "users": args.users,
        "items": args.items, "told": told, "differing": differing,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
