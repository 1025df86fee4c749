"""Roles and places: a total order under ties, any spread of the rows, hold-outs, and nothing of test in an earlier
history."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from pydantic import ValidationError
from pyspark.sql import functions as F

from lstmrec.config.split import SplitConfig, instant_us, told
from lstmrec.contracts import tables
from lstmrec.frames import holdout, split
from lstmrec.store import cuts as share_cuts

DAY = 86_400_000_000
AS_OF = 100 * DAY
SEED = 3
Row = tuple[Any, ...]


def rows(seed: int, n: int = 400, clock: bool = True) -> list[Row]:
    rng = random.Random(seed)
    out = []
    for k in range(n):
        days = (1, 50, 60, 68, 72, 82, 86, 99)
        time = rng.choice([None, *[d * DAY + rng.choice([-1, 0]) for d in days]]) if clock else None
        event_id, position = rng.choice([None, "a", "b"]), rng.choice([1, 2, 3])
        user = f"u{min(rng.randrange(30), rng.randrange(30))}"
        out.append((user, f"i{rng.randrange(9)}", "e", time, event_id, position, 1, None, k * 7919 % 1000 - 500))
    return list({(r[0], r[8]): r for r in out}.values())


def frame(spark: Any, given: list[Row], partitions: int = 2) -> Any:
    """EVENTS rows, whatever columns the contract has besides."""
    names = ["user_id", "item_id", "event_type", "time", "event_id", "position", "value", "quantity", "row_hash"]
    ddl = ", ".join(f"{n} {tables.EVENTS.column(n).kind}" for n in names)
    made = spark.createDataFrame(given, ddl).repartition(partitions)
    more = [F.lit(None).cast(c.kind).alias(c.name) for c in tables.EVENTS.columns if c.name not in names]
    return made.select("*", *more)


def place(row: Row) -> Row:
    """Python's own total order: nulls first."""
    return tuple((row[n] is not None, row[n] if row[n] is not None else "") for n in (3, 4)) + (row[5], row[8])


def withheld(row: Row, conf: SplitConfig, at: split.Cuts, late: set[str], back: set[str]) -> str | None:
    if conf.by == "time":
        assert at.test is not None and at.validation is not None
        if row[3] is not None and any(c - at.gap <= row[3] < c for c in (at.test, at.validation)):
            return "gap"
        if row[3] is not None and row[3] >= at.test:
            return None
    return "held_item" if row[1] in back else "new_item" if row[1] in late else None


def oracle(given: list[Row], conf: SplitConfig, at: split.Cuts, held: set[str], late: set[str], back: set[str]
           ) -> set[Row]:  # fmt: skip
    """(user, hash, index, role, withheld) of every event; role and index are judged where nothing is withheld."""
    mine = defaultdict(list)
    for row in given:
        mine[row[0]].append(row)
    out = set()
    for user, history in mine.items():
        history.sort(key=place)
        train = "context" if user in held else "train"
        if conf.by == "leave_last":
            n = min(conf.last, len(history) - 1)
            tests = history[len(history) - n :]
            rest = [r for r in history[: len(history) - n] if not withheld(r, conf, at, late, back)]
            v = min(conf.last, max(len(rest) - 1, 0))
            role = {r: "test" for r in tests} | {r: "validation" for r in rest[len(rest) - v :]}
            keep = {*tests, *rest}
        else:
            keep = {r for r in history if not withheld(r, conf, at, late, back)}
            role = {r: "test" if r[3] >= at.test else "validation" for r in keep
                    if r[3] is not None and r[3] >= at.validation}  # fmt: skip
        index = 0
        for row in history:
            if row in keep:
                out.add((user, row[8], index, role.get(row, train), None))
                index += 1
            else:
                out.add((user, row[8], None, None, withheld(row, conf, at, late, back)))
    return out


CONFIGS: dict[str, dict[str, Any]] = {
    "time": {"by": "time", "test_days": 14, "validation_days": 14},
    "last": {"by": "leave_last"},
    "last 3": {"by": "leave_last", "last": 3},
    "gap, users": {"by": "time", "test_days": 14, "validation_days": 16, "gap_days": 4, "users": {"share": 0.3}},
    "items, users": {"by": "time", "test_days": 14, "validation_days": 14, "users": {"share": 0.4},
                     "items": {"share": 0.3}},
    "new items": {"by": "time", "test_days": 14, "validation_days": 14, "items": {"new_from": told(50 * DAY)}},
    "last, items, users": {"by": "leave_last", "last": 2, "items": {"share": 0.4}, "users": {"share": 0.5}},
}  # fmt: skip


@pytest.mark.parametrize("name", list(CONFIGS))
def test_split_against_plain_python_under_any_spread(spark: Any, name: str) -> None:
    conf, given = SplitConfig(**CONFIGS[name]), rows(2)
    if name == "new items":  # i0 to i3 are old; the others come later
        given = [r for r in given if r[1] <= "i3" or (r[3] or 0) >= 50 * DAY]
    at = split.cuts(conf, AS_OF)
    events = frame(spark, given)
    chosen = events.select("user_id", "item_id", holdout.held_user(conf.users, SEED).alias("u"),
                           holdout.held_item(conf.items, SEED).alias("i")).collect()  # fmt: skip
    held, back = {r["user_id"] for r in chosen if r["u"]}, {r["item_id"] for r in chosen if r["i"]}
    late: set[str] = set()
    if name == "new items":
        late = {i for i in {r[1] for r in given} if min((r[3] or -1) for r in given if r[1] == i) >= 50 * DAY}
        assert late == {"i4", "i5", "i6", "i7", "i8"}
    expected = oracle(given, conf, at, held, late, back)
    roles = {"train", "validation", "test"} | ({"context"} if conf.users else set())
    assert {r[3] for r in expected if r[3]} == roles
    assert bool(conf.items or conf.gap_days) == any(r[4] for r in expected), "a hold-out that holds nothing"
    for parts in (1, 7):
        random.Random(parts).shuffle(given)
        events = frame(spark, given, parts)
        new = holdout.newcomers(events, conf.items, at.test) if late and conf.items and at.test else None
        placed = events.transform(split.with_split(conf, at, SEED, new))
        assert split.kept(placed).columns == list(tables.SPLIT.names)
        found = set()
        for r in placed.collect():
            gone = r["withheld"] is not None
            found.add((r["user_id"], r["row_hash"], None if gone else r["index"], None if gone else r["role"],
                       r["withheld"]))  # fmt: skip
        assert found == expected


def test_item_ids_do_not_decide_ties(spark: Any) -> None:
    given = [("u", item, "e", 5, None, None, None, None, hashed) for item, hashed in (("a", 3), ("b", 1), ("c", 2))]
    conf = SplitConfig(by="leave_last")
    found = frame(spark, given).transform(split.with_split(conf, split.cuts(conf, AS_OF), SEED)).collect()
    assert [r["item_id"] for r in sorted(found, key=lambda r: r["index"])] == ["b", "c", "a"]


def test_cuts_and_rules() -> None:
    conf = SplitConfig(by="time", test_days=14, validation_days=7, gap_days=2)
    at = split.cuts(conf, AS_OF)
    assert [at.end(r) for r in tables.ROLES] == [77 * DAY, 77 * DAY, 84 * DAY, AS_OF]
    assert [at.start(r) for r in tables.ROLES] == [None, 79 * DAY, 86 * DAY, None]
    last = SplitConfig(by="leave_last")
    assert {split.cuts(last, AS_OF).end(r) for r in tables.ROLES} == {None}
    assert set(split.rule(conf, at)) == set(split.rule(last, split.cuts(last, AS_OF))) == set(tables.ROLES)
    assert split.rule(conf, at)["test"] == "from 1970-03-28T00:00:00Z"
    said = SplitConfig(by="time", test_from="1970-03-01T00:00:00Z", validation_days=3)
    assert split.cuts(said, AS_OF) == split.Cuts(56 * DAY, 59 * DAY, AS_OF)


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": "leave_last", "test_share": 0.1}, {"by": "leave_last", "gap_days": 1},
        {"by": "leave_last", "items": {"new_from": "2020-01-01T00:00:00Z"}},
        {"test_from": "2020-01-01T00:00:00Z", "test_share": 0.1}, {"test_from": "2020-01-01"}, {"test_from": "soon"},
        {"test_from": "2020-01-01T00:00:00Z", "validation_from": "2020-01-01T00:00:00Z"},
        {"test_share": 0.5, "validation_share": 0.5}, {"gap_days": 28}, {"users": {"share": 1.0}}, {"items": {}},
    ],
)  # fmt: skip
def test_splits_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SplitConfig(**wrong)


def test_instants_are_read_in_any_zone() -> None:
    assert SplitConfig(test_from="2020-01-01T02:30:00.25+02:00").test_from == "2020-01-01T00:30:00.250000Z"
    assert told(instant_us("1969-12-31T23:59:59Z")) == "1969-12-31T23:59:59Z"


def test_shares_are_exact_to_the_second(spark: Any) -> None:
    rng = random.Random(4)
    times = [rng.choice([rng.randrange(100 * DAY), 7 * DAY + rng.randrange(3) * 700_000]) for _ in range(500)]
    given = [("u", "i", "e", t, None, None, 1, None, n) for n, t in enumerate(times)]
    given.append(("u", "i", "e", None, None, 1, 1, None, -1))
    events = frame(spark, given).cache()

    def latest(of: list[int], need: int) -> int:
        seconds = sorted({t // 1_000_000 for t in times})
        return max(s for s in seconds if sum(t >= s * 1_000_000 for t in of) >= need) * 1_000_000

    for test_share, validation_share in ((0.1, 0.1), (0.3, 0.29), (0.001, 0.9), (None, 0.2), (0.5, None)):
        more = {"test_share": test_share} if test_share else {"test_days": 20}
        more |= {"validation_share": validation_share} if validation_share else {"validation_days": 5}
        at = share_cuts.find(events, SplitConfig(**more), AS_OF)
        test = latest(times, ceil(Fraction(str(test_share)) * 500)) if test_share else 80 * DAY
        before = [t for t in times if t < test]
        need = ceil(Fraction(str(validation_share)) * 500) if validation_share else 0
        assert (at.test, at.validation) == (test, latest(before, need) if need else test - 5 * DAY)
    events.unpersist()


def test_old_users_keep_their_split_when_new_ones_arrive(spark: Any) -> None:
    old = rows(5, 600)
    new = [(f"new{r[0]}", *r[1:]) for r in rows(6, 60)]
    for conf in (SplitConfig(**CONFIGS["items, users"]), SplitConfig(**CONFIGS["last, items, users"])):
        at, kept = split.cuts(conf, AS_OF), []
        for given in (old, [*new, *old]):
            placed = frame(spark, given).transform(split.with_split(conf, at, SEED))
            mine = split.kept(placed).where("NOT startswith(user_id, 'new')")
            kept.append({(r["user_id"], r["row_hash"], r["index"], r["role"]) for r in mine.collect()})
        assert kept[0] == kept[1] != set()


def test_a_share_of_users_and_another_of_items_are_chosen(spark: Any) -> None:
    conf = SplitConfig(users={"share": 0.2}, items={"share": 0.2})
    ids = spark.range(5000).selectExpr("cast(id as string) user_id", "cast(id as string) item_id")
    found = ids.select(holdout.held_user(conf.users, SEED).alias("u"), holdout.held_item(conf.items, SEED).alias("i"),
                       holdout.held_user(conf.users, SEED + 1).alias("other")).collect()  # fmt: skip
    counts = Counter((r["u"], r["i"]) for r in found)
    assert 0.17 < (counts[True, False] + counts[True, True]) / 5000 < 0.23
    assert 0.025 < counts[True, True] / 5000 < 0.06, "two lots, not one"
    assert any(r["u"] != r["other"] for r in found)


def test_tally_and_labels(spark: Any) -> None:
    given = [
        ("u", "a", "train", 1, None, True), ("u", "b", "train", 1, None, True), ("u", "a", "test", 9, None, False),
        ("v", "a", "context", 1, None, False), ("v", "c", "test", 1, None, False),
        ("w", "a", "train", None, None, False), ("w", "a", "train", 7, "gap", True),
    ]  # fmt: skip
    made = spark.createDataFrame(
        given, "user_id string, item_id string, role string, time bigint, withheld string, tied boolean"
    )
    found = split.tally(made, F.col("user_id") == "w").collect()[0].asDict()
    assert found == {
        "users_train": 2, "events_train": 3, "users_context": 1, "events_context": 1, "users_validation": 0,
        "events_validation": 0, "users_test": 2, "events_test": 2, "users_serve": 3, "events_serve": 6, "tied": 2,
        "withheld_gap": 1, "withheld_held_item": 0, "withheld_new_item": 0, "first": 1, "last": 9, "mixed": 1,
    }  # fmt: skip
    labels = {tuple(r) for r in split.seen(made.where("withheld is null")).collect()}
    assert labels == {
        ("user", "u", "train", 2, 3, True), ("user", "v", "context", 0, 2, False), ("user", "w", "train", 1, 1, True),
        ("item", "a", "train", 2, 4, True), ("item", "b", "train", 1, 1, True), ("item", "c", "test", 0, 1, False),
    }  # fmt: skip


def test_ties_are_those_that_only_the_hash_decides(spark: Any) -> None:
    given = [
        ("u", f"i{n}", "e", time, event, position, 1, None, n)
        for n, (time, event, position) in enumerate(
            [
                (5, None, None),
                (5, None, None),
                (5, "a", None),
                (5, None, 1),
                (None, None, 1),
                (None, None, 1),
                (6, "a", 1),
            ]
        )
    ]
    conf = SplitConfig(by="time")
    found = frame(spark, given).transform(split.with_split(conf, split.cuts(conf, AS_OF), SEED)).collect()
    assert sorted(r["row_hash"] for r in found if r["tied"]) == [0, 1, 4, 5]
