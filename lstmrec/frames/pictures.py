"""What the report draws of the data: events, users, items and lists counted in a few dozen bins (pure, integers only).

One small frame for all of it, so that s8 runs one query; `figures` makes of its rows what a page can print.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.contracts.units import DAY_S

MICROS = 1_000_000
#: Where bins of gaps begin, in seconds, and what they are called.
GAPS = ((0, "none"), (1, "< 1 min"), (60, "1–60 min"), (3_600, "1–6 h"), (6 * 3_600, "6–24 h"), (DAY_S, "1–3 d"),
        (3 * DAY_S, "3–7 d"), (7 * DAY_S, "1–4 wk"), (28 * DAY_S, "4–13 wk"), (91 * DAY_S, "13–52 wk"),
        (364 * DAY_S, "> 52 wk"))  # fmt: skip
DECILES = 10
#: Days of a bar, and how many bars there are at most.
_WIDTHS, _BARS = (1, 7, 28, 91, 364), 60
ROLES = ("train", "context", "validation", "test")


def counted(frames: Mapping[str, DataFrame], size: int, clock: bool) -> DataFrame:
    """figure, part, bin, n: all counts. frames: split, encoded_items (`size` rows) and recommendations.

    days      by role: events by day since 1970
    places    instead, without a clock: events by bits of their place in the history, from 1
    gaps      events by the bin of GAPS that the time since the user's event before falls into; the first has none
    histories by `all` and `test`: users by bits of their number of events; of test before its cut
    items, events   catalogue items, and their train events, by decile: 0 holds the items of most train events
    shown, covered  by recommender: places in the lists of test by their item's decile, and the distinct items there

    Bits are those of the number in base two: 0 for none, 3 for 4 to 7. Items of as many events lie in their deciles by
    hash: nothing is ranked over the whole catalogue.
    """
    split, items = frames["split"], deciles(frames["encoded_items"], size)
    return (
        _events(split, clock)
        .unionByName(_users(split))
        .unionByName(_summed(items, ("items", "", "decile", F.lit(1)), ("events", "", "decile", F.col("count"))))
        .unionByName(_shown(frames["recommendations"], items))
    )


def deciles(catalogue: DataFrame, size: int) -> DataFrame:
    """item_id, count, decile of ENCODED_ITEMS; each decile has about a tenth of the items."""
    same = catalogue.groupBy("count").agg(F.count(F.lit(1)).alias("n"))
    before = Window.orderBy(F.col("count").desc()).rowsBetween(Window.unboundedPreceding, -1)
    above = same.select("count", "n", F.coalesce(F.sum("n").over(before), F.lit(0)).alias("above"))
    place = F.col("above") + F.pmod(F.xxhash64("item_id"), F.col("n"))
    known = catalogue.select("item_id", "count").join(F.broadcast(above), "count", "inner")
    decile = F.least(F.floor(place * DECILES / F.lit(max(size, 1))), F.lit(DECILES - 1))
    return known.select("item_id", "count", decile.cast("int").alias("decile"))


def bits(n: Column) -> Column:
    """How many digits a whole number has in base two; none for 0."""
    return F.when(n > 0, F.length(F.bin(n))).otherwise(F.lit(0))


def figures(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Of the rows of `counted`: timeline (at, role, events; days: the width of a bar, None without a clock), gaps (gap,
    events), histories (users, events, low, n), tail (of, decile, n, items) as lists of rows in the order of their
    axes."""
    found: dict[str, dict[str, dict[int, int]]] = {}
    for r in rows:
        found.setdefault(r["figure"], {}).setdefault(r["part"], {})[int(r["bin"])] = int(r["n"])
    clock = "days" in found
    days, timeline = _timeline(found.get("days" if clock else "places", {}), clock)
    gaps = found.get("gaps", {}).get("", {})
    tail = [{"of": "train events", "decile": d + 1, "n": found.get("events", {}).get("", {}).get(d, 0),
             "items": found.get("items", {}).get("", {}).get(d, 0)} for d in range(DECILES)]  # fmt: skip
    for name in sorted(found.get("shown", {})):
        tail += [{"of": name, "decile": d + 1, "n": found["shown"][name].get(d, 0),
                  "items": found["covered"][name].get(d, 0)} for d in range(DECILES)]  # fmt: skip
    return {
        "days": days,
        "timeline": timeline,
        "gaps": [{"gap": name, "events": gaps.get(b, 0)} for b, (_, name) in enumerate(GAPS)] if gaps else [],
        "histories": _histories(found.get("histories", {})),
        "tail": tail,
    }


def _events(split: DataFrame, clock: bool) -> DataFrame:
    if not clock:
        return _summed(split, ("places", F.col("role"), bits(F.col("index") + 1), F.lit(1)))
    before = F.lag("time").over(Window.partitionBy("user_id").orderBy("index"))
    seconds = F.floor((F.col("time") - before) / MICROS)
    bin_ = F.lit(0)
    for b, (low, _) in enumerate(GAPS):
        bin_ = F.when(seconds >= low, F.lit(b)).otherwise(bin_)
    rows = split.select("role", "time", F.when(seconds.isNotNull(), bin_).alias("gap"))
    day = F.floor(F.col("time") / (DAY_S * MICROS))
    return _summed(rows, ("days", F.col("role"), day, F.lit(1)), ("gaps", "", "gap", F.lit(1)))


def _users(split: DataFrame) -> DataFrame:
    test = F.count_if(F.col("role") == "test")
    users = split.groupBy("user_id").agg(test.alias("test"), F.count(F.lit(1)).alias("every"))
    of_test = F.when(F.col("test") > 0, bits(F.col("every") - F.col("test")))
    return _summed(
        users, ("histories", "all", bits(F.col("every")), F.lit(1)), ("histories", "test", of_test, F.lit(1))
    )


def _shown(lists: DataFrame, items: DataFrame) -> DataFrame:
    places = lists.where("role = 'test'").select("recommender", F.explode("items.item_id").alias("item_id"))
    each = places.groupBy("recommender", "item_id").agg(F.count(F.lit(1)).alias("shown"))
    known = each.join(items.select("item_id", "decile"), "item_id", "inner")
    by = F.col("recommender")
    return _summed(known, ("shown", by, "decile", F.col("shown")), ("covered", by, "decile", F.lit(1)))


def _summed(rows: DataFrame, *cells: tuple[str, str | Column, str | Column, Column]) -> DataFrame:
    """Each row counts in every (figure, part, bin, n); not where bin is null. One shuffle of partial sums."""
    made = [
        F.struct(
            F.lit(figure).alias("figure"),
            (F.lit(part) if isinstance(part, str) else part).alias("part"),
            (F.col(place) if isinstance(place, str) else place).cast("int").alias("bin"),
            n.cast("bigint").alias("n"),
        )
        for figure, part, place, n in cells
    ]
    flat = rows.select(F.inline(F.array(*made))).where("bin IS NOT NULL")
    return flat.groupBy("figure", "part", "bin").agg(F.sum("n").alias("n"))


def _timeline(found: Mapping[str, Mapping[int, int]], clock: bool) -> tuple[int | None, list[dict[str, Any]]]:
    """(days a bar, rows): days are put together until they are no more bars than a page has room for."""
    bins = sorted({b for counts in found.values() for b in counts})
    if not bins:
        return None, []
    span = bins[-1] - bins[0] + 1
    width = next((w for w in _WIDTHS if span <= w * _BARS), -(-span // _BARS)) if clock else 1
    out: dict[tuple[int, str], int] = {}
    for role in (r for r in ROLES if r in found):
        for b, n in found[role].items():
            key = (bins[0] + (b - bins[0]) // width * width, role)
            out[key] = out.get(key, 0) + n
    rows = [
        {"at": _day(b) if clock else length(b), "role": role, "events": n}
        for (b, role), n in sorted(out.items(), key=lambda pair: (pair[0][0], ROLES.index(pair[0][1])))
    ]
    return (width if clock else None), rows


def _histories(found: Mapping[str, Mapping[int, int]]) -> list[dict[str, Any]]:
    top = max((b for counts in found.values() for b in counts), default=-1)
    return [{"users": part, "events": length(b), "low": (1 << b) >> 1, "n": found[part].get(b, 0)}
            for part in ("all", "test") if part in found for b in range(top + 1)]  # fmt: skip


def length(b: int) -> str:
    """The numbers of b bits: `0`, `1`, `2–3`, `4–7`."""
    low = (1 << b) >> 1
    return str(low) if b < 2 else f"{low:,}–{2 * low - 1:,}"


def _day(day: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).strftime("%Y-%m-%d")
