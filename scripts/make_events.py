"""A synthetic event log with planted tastes, sessions, trends, duplicates, bots and dirt, up to a billion rows.

    python scripts/make_events.py --events 1000000 --out runs/made [--users --items --days --seed N] [--clean]
    spark-submit scripts/make_events.py --events 1000000000 --out s3a://bucket/made

Writes OUT/events, OUT/items, OUT/users (Parquet) and OUT/_PLANTED.json, what was planted, which is printed last too.
Every row is a function of (seed, row number): no data from the driver, no Python function, nothing shuffled but the
count of the kinds, and the same rows however many files they are in. `--clean` writes what a log is without its faults:
events of user_id, item_id, ts, one row in 64 told twice, and no other table.

What is there to find: a user's sessions come from three favourite item groups (85 %); a session stays in its group and
often walks along the group's items; popularity is Zipf's in each group, a fifth of it wandering on each week.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import fsspec
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

START = 1_577_836_800  # 2020-01-01T00:00:00Z
BLOCK = 64  # each block of so many rows holds one row of dirt, one told twice, one otherwise odd, at hashed places
COPIES = ("exact_duplicate", "late_duplicate", "double_click", "repeated_event_id", "cancellation")
DIRT = (
    "null_user", "empty_user", "long_user", "null_item", "blank_item", "control_character", "bad_encoding",
    "unknown_item", "no_time", "unreadable_time", "too_early", "future", "nan_price", "infinite_price",
)  # fmt: skip
FUSED = "spark.sql.codegen.wholeStage"
WORDS = ("red", "soft", "fresh", "small", "old", "light", "bread", "tea", "lamp", "shirt", "chair", "bowl", "soap")


@dataclass
class World:
    """The size of everything."""

    events: int
    users: int
    items: int
    days: int
    seed: int
    clean: bool

    def __post_init__(self) -> None:
        self.groups = max(1, min(64, self.items // 16))
        self.per_group = max(1, self.items * 4 // 5 // self.groups)
        self.tail = self.items - self.groups * self.per_group  # items of no group, of about 4 events each
        self.bots = max(2, self.events // 2_000_000)

    def hash(self, what: str, *of: Column) -> Column:
        return F.xxhash64(F.lit(self.seed), F.lit(what), *of)

    def below(self, n: int, what: str, *of: Column) -> Column:
        """A whole number in [0, n)."""
        return F.pmod(self.hash(what, *of), F.lit(n))

    def one_of(self, words: Sequence[str], what: str, *of: Column) -> Column:
        return F.element_at(F.array(*map(F.lit, words)), (self.below(len(words), what, *of) + 1).cast("int"))

    def unit(self, what: str, *of: Column) -> Column:
        """A number in [0, 1): the 53 high bits."""
        return F.shiftrightunsigned(self.hash(what, *of), 11) / F.lit(float(1 << 53))


def rows(spark: SparkSession, w: World, parts: int) -> DataFrame:
    """Row number `n`, its `kind`, and `b`, the row whose event it tells: itself, or that of a sound row it copies."""
    n, whole = F.col("n"), w.events // BLOCK
    place = F.pmod(F.pmod(n, F.lit(BLOCK)) + w.below(BLOCK, "place", n.bitwiseAND(-BLOCK)), F.lit(BLOCK))
    pick = w.below(20, "pick", n)
    kind = F.when(place == 1, F.lit("exact_duplicate"))
    if not w.clean:
        kind = kind.when(place == 0, w.one_of(DIRT, "dirt", n)).when((place == 3) & (pick < 12), F.lit("bot"))
        for top, name in ((8, "late_duplicate"), (16, "double_click"), (17, "repeated_event_id"), (20, "cancellation")):
            kind = kind.when((place == 2) & (pick < top), F.lit(name))
    # Copied are the places 4 to 63 of whole blocks; what is late copies an earlier block.
    late = F.when(F.col("kind") == "late_duplicate", F.greatest(F.shiftright(n, 6), F.lit(1)))
    start = F.pmod(w.hash("of", n), F.coalesce(late, F.lit(whole))) * BLOCK
    copied = start + F.pmod(4 + w.below(BLOCK - 4, "of place", n) - w.below(BLOCK, "place", start), F.lit(BLOCK))
    frame = spark.range(0, w.events, 1, parts).select(F.col("id").alias("n"))
    frame = frame.withColumn("kind", F.coalesce(kind, F.lit("event")))
    return frame.withColumn("b", F.when(F.col("kind").isin(*COPIES), copied).otherwise(n))


def sound(frame: DataFrame, w: World) -> DataFrame:
    """+ what event `b` is: numbers `user`, `item`, `ts`, without anything odd."""
    b, session, user, at, week = (F.col(c) for c in ("b", "session", "user", "at", "week"))
    # Eight rows are two sessions, cut at a hashed place.
    block, place = F.shiftright(b, 3), b.bitwiseAND(7)
    cut = 1 + w.below(7, "cut", block)
    second = (place >= cut).cast("bigint")
    out = frame.withColumns({"session": block * 2 + second, "at": place - cut * second})
    # Kumaraswamy's distribution: some users have many events, a few per cent less than five.
    share = F.pow(1 - F.pow(1 - w.unit("user", session), F.lit(1 / 1.6)), F.lit(1 / 0.8))
    day = F.floor(w.unit("day", session) * (w.days - 1))
    out = out.withColumns({"user": F.least(F.floor(share * w.users), F.lit(w.users - 1)), "day": day})
    hour = F.pmod(w.below(43_200, "early", session) + w.below(43_200, "late", session) + 25_200, F.lit(86_400))
    taste = w.unit("taste", session)
    which = F.when(taste < 0.45, 0).when(taste < 0.7, 1).when(taste < 0.85, 2)
    group = F.when(which.isNull(), w.below(w.groups, "group", session)).otherwise(favourite(w, user, which))
    ts = START + F.col("day") * 86_400 + hour + at * 90 + w.below(60, "gap", b)
    out = out.withColumns({"ts": ts, "group": group, "week": F.floor(F.col("day") / 7)})
    # In the group: along its items from where the session began, or by popularity, of today or of all time.
    how, own = w.unit("how", b), zipf(w, w.unit("rank", b))
    rank = F.when(how < 0.4, zipf(w, w.unit("rank", session)) + at).when(how < 0.6, own + week * 7).otherwise(own)
    item = F.col("group") + F.pmod(rank, F.lit(w.per_group)) * w.groups
    far = w.unit("tail", b) < min(0.05, 4 * w.tail / w.events)
    return out.withColumn("item", F.when(far, w.groups * w.per_group + w.below(w.tail, "far", b)).otherwise(item))


def favourite(w: World, user: Column, which: Column | int) -> Column:
    """A user's favourite group: the first (0), second or third."""
    return w.below(w.groups, "favourite", user, F.lit(which))


def zipf(w: World, x: Column) -> Column:
    """A rank in [0, per_group) by a power law of exponent 1.2, from x uniform in [0, 1)."""
    most = float(w.per_group) ** -0.2
    return F.least(F.floor(F.pow(1 - x * (1 - most), F.lit(-5.0))) - 1, F.lit(w.per_group - 1))


def odd(frame: DataFrame, w: World) -> DataFrame:
    """Bots: one has half of all their events, all have about one every second or two, for days, of any item."""
    n, tick, bot = F.col("n"), F.shiftright(F.col("n"), 6), F.col("kind") == "bot"
    which = F.when(w.below(2, "which", n) == 0, F.lit(0)).otherwise(w.below(w.bots, "bot", n))
    slow = F.when(F.col("bot") == 0, tick).otherwise(F.floor(tick / w.bots))
    began = w.below(w.days, "began", F.col("bot")) * 86_400
    out = frame.withColumn("bot", F.when(bot, which))
    return out.withColumns({
        "ts": F.when(bot, START + F.pmod(began + slow, F.lit(w.days * 86_400))).otherwise(F.col("ts")),
        "item": F.when(bot, w.below(w.groups * w.per_group, "any", n)).otherwise(F.col("item")),
    })  # fmt: skip


def told(frame: DataFrame, w: World) -> DataFrame:
    """The log's columns, with what is wrong in the rows of each kind."""
    n, b, kind, ts = (F.col(c) for c in ("n", "b", "kind", "ts"))
    price = (99 + w.below(20_000, "price", F.col("item"))) / F.lit(100.0)
    quantity = F.when(w.below(8, "many", b) == 0, F.lit(3)).otherwise(F.lit(1)).cast("bigint")
    type_ = w.below(10, "type", b)
    user = F.when(F.col("bot").isNull(), number("u", F.col("user"))).otherwise(number("bot", F.col("bot")))
    item = number("i", F.col("item"))
    end = START + w.days * 86_400
    columns = {
        "user_id": F.when(kind == "null_user", F.lit(None)).when(kind == "empty_user", F.lit(""))
        .when(kind == "long_user", F.rpad(user, 300, "x")).otherwise(user),
        "item_id": F.when(kind == "null_item", F.lit(None)).when(kind == "blank_item", F.lit("  "))
        .when(kind == "control_character", F.concat(item, F.lit("\x01")))
        .when(kind == "bad_encoding", F.concat(item.cast("binary"), F.unhex(F.lit("C328"))).cast("string"))
        .when(kind == "unknown_item", F.concat(F.lit("x"), item)).otherwise(item),
        "ts": F.when(kind == "no_time", F.lit(None).cast("bigint")).when(kind == "unreadable_time", F.lit(9 * 10**18))
        .when(kind == "too_early", -1 - ts).when(kind == "future", ts + (end - START) + 86_400)
        .when(kind == "double_click", ts + 1).when(kind == "cancellation", ts + 3_600).otherwise(ts),
        "event_type": F.when(type_ < 7, F.lit("view")).when(type_ < 8, F.lit("cart")).otherwise(F.lit("purchase")),
        "event_id": number("e", F.when(kind.isin("exact_duplicate", "repeated_event_id"), b).otherwise(n)),
        "price": F.when(kind == "nan_price", F.lit(float("nan"))).when(kind == "infinite_price", F.lit(float("inf")))
        .when(kind == "repeated_event_id", price + 1).otherwise(price),
        "quantity": F.when(kind == "cancellation", -quantity).otherwise(quantity),
    }  # fmt: skip
    return frame.select(*[c.alias(name) for name, c in columns.items()])


def items(spark: SparkSession, w: World) -> DataFrame:
    """The catalogue; past its end a few rows repeat an id with another brand."""
    n, i = F.col("id"), F.col("i")
    numbers = spark.range(0, w.items + w.items // 1000 + 1, 1, 2)
    category = F.when(i < w.groups * w.per_group, number("g", F.pmod(i, F.lit(w.groups)), 2)).otherwise(F.lit("tail"))
    return numbers.withColumn("i", F.when(n < w.items, n).otherwise(w.below(w.items, "again", n))).select(
        number("i", i).alias("item_id"),
        F.concat_ws(" ", w.one_of(WORDS, "word", i), w.one_of(WORDS, "other", i), i.cast("string")).alias("title"),
        category.alias("category"),
        number("b", w.below(50, "brand", n), 2).alias("brand"),
        ((99 + w.below(20_000, "price", i)) / F.lit(100.0)).alias("list_price"),
    )


def users(spark: SparkSession, w: World) -> DataFrame:
    """Demographics: the region tells the first favourite group in seven of ten; a few rows repeat an id."""
    n, u = F.col("id"), F.col("u")
    numbers = spark.range(0, w.users + w.users // 1000 + 1, 1, 2)
    home = F.when(w.below(10, "moved", n) < 7, F.pmod(favourite(w, u, 0), F.lit(8)))
    return numbers.withColumn("u", F.when(n < w.users, n).otherwise(w.below(w.users, "again", n))).select(
        number("u", u).alias("user_id"),
        number("age", w.below(6, "age", n), 1).alias("age"),
        number("r", F.coalesce(home, w.below(8, "region", n)), 1).alias("region"),
    )


def number(letter: str, value: Column, digits: int = 9) -> Column:
    return F.concat(F.lit(letter), F.lpad(value.cast("string"), digits if letter != "e" else 12, "0"))


def make(spark: SparkSession, w: World, out: str, parts: int) -> dict[str, object]:
    """Write everything under `out` and return what was planted."""
    numbered = rows(spark, w, parts)
    log = sound(numbered, w)
    ids = [number("u", F.col("user")).alias("user_id"), number("i", F.col("item")).alias("item_id")]
    # All of this fused is one method too long for the JVM to compile: interpreted, it takes twice the time (seen).
    before = spark.conf.get(FUSED)
    spark.conf.set(FUSED, "false")
    (log.select(*ids, "ts") if w.clean else told(odd(log, w), w)).write.parquet(f"{out}/events")
    spark.conf.set(FUSED, str(before))
    planted: dict[str, object] = {
        "events": w.events, "users": w.users, "items": w.items, "days": w.days, "seed": w.seed, "clean": w.clean,
        "groups": w.groups, "as_of": datetime.fromtimestamp(START + w.days * 86_400, UTC).isoformat()[:19] + "Z",
        "kinds": {r["kind"]: r["count"] for r in numbered.groupBy("kind").count().sort("kind").collect()},
    }  # fmt: skip
    if not w.clean:
        items(spark, w).write.parquet(f"{out}/items")
        users(spark, w).write.parquet(f"{out}/users")
        planted |= {"bots": w.bots, "repeated_items": w.items // 1000 + 1, "repeated_users": w.users // 1000 + 1}
    return planted


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, required=True, help="rows of the log, duplicates and dirt among them")
    parser.add_argument("--out", required=True, help="a folder that is not there yet")
    parser.add_argument("--clean", action="store_true", help="no dirt, just the log")
    for name, default, meaning in (("users", 0, "0: one for 50 events"), ("days", 365, "from 2020-01-01 on"),
                                   ("items", 0, "0: one for 400 events, at least 1,000"), ("seed", 1, "")):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default, help=meaning)
    args = parser.parse_args(argv)
    if args.events < 1_000 or args.days < 8 or 0 < args.items < 100:
        parser.error("at least 1,000 events, 100 items and 8 days")
    note = f"{args.out}/_PLANTED.json"
    fs, inner = fsspec.core.url_to_fs(note)
    if fs.exists(inner):
        print(f"{args.out} is there already", file=sys.stderr)
        return 2
    w = World(args.events, args.users or max(20, args.events // 50), args.items or max(1_000, args.events // 400),
              args.days, args.seed, args.clean)  # fmt: skip
    found = SparkSession.getActiveSession()
    spark = found or SparkSession.builder.appName("make_events").getOrCreate()
    line = json.dumps(make(spark, w, args.out, max(2, -(-args.events // 2_500_000))))
    if found is None:
        spark.stop()
    fs.pipe_file(inner, line.encode() + b"\n")
    print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
