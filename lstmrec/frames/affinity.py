"""Tag affinities: which share of a user's exponentially decayed events went to each of the most frequent tags.

A share does not change when all weights are scaled alike, so an event's weight grows with its time, 2^(t / half-life),
and sums only run forward (forward decay: Cormode et al. 2009, ICDE). Against overflow time is cut into blocks of 32
half-lives: a sum over the block so far is a running sum less what it was where the block began. Two such rows of
blocks, one shifted by half a block, and of the two the one that is at least half through: whatever is left out is over
16 half-lives old. Weights are integers, in units of 2^-20 of the weight of the last event at most.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, WindowSpec
from pyspark.sql import functions as F

from lstmrec.config.profile import Affinities
from lstmrec.contracts.units import DAY_US

HALF = 16  # half-lives of half a block
_BITS = 4  # 16 + 4 = 20 bits for an event half through; a block's last weighs 2^36: 2^27 of them fit in 64 bits
_ROWS = "ab"


def masks(items: DataFrame, ids: Sequence[int]) -> DataFrame:
    """ENCODED_ITEMS and tag ids -> item_id, _tags: bigint whose bit j says that the item has tag ids[j]; only items
    that have one, so that the join below stays small."""
    mask = F.lit(0).cast("bigint")
    for j, tag in enumerate(ids):
        bit = F.when(F.array_contains("tags", tag), F.lit(1 << j).cast("bigint")).otherwise(F.lit(0).cast("bigint"))
        mask = mask.bitwiseOR(bit)
    return items.select("item_id", mask.alias("_tags")).where("_tags <> 0")


def masked(split: DataFrame, found: DataFrame) -> DataFrame:
    """Events with `_tags`. Where the masks are too many to broadcast, the events travel once more, by item; adaptive
    execution splits an item that has half of all events."""
    return split.join(found, on="item_id", how="left")


def steps(conf: Affinities | None, order: WindowSpec) -> dict[str, Column]:
    """Per event and row of blocks: its weight, and whether it opens a block."""
    if conf is None:
        return {}
    out = {}
    for row in _ROWS:
        time = _shifted(row, F.col("time"), conf)
        block = time - F.pmod(time, F.lit(2 * HALF * half_life(conf)))
        out[f"_w{row}"] = F.rint(F.pow(F.lit(2.0), _place(row, F.col("time"), conf) + _BITS)).cast("bigint")
        out[f"_new_{row}"] = F.coalesce(block != F.lag(block).over(order), F.lit(True))
    return out


def sums(conf: Affinities | None, tags: int, so_far: WindowSpec) -> dict[str, Column]:
    """Running sums of the weights over the whole history: of all events (`all`), and of those with each tag."""
    if conf is None:
        return {}
    return {f"{row}{j}": F.try_sum(_weight(row, j)).over(so_far) for row in _ROWS for j in _all(tags)}


def starts(conf: Affinities | None, tags: int, so_far: WindowSpec) -> dict[str, Column]:
    """What each running sum was before the block of the event: sums never fall, so the latest is the largest."""
    if conf is None:
        return {}
    return {
        f"_{row}{j}": F.max(F.when(F.col(f"_new_{row}"), F.col(f"{row}{j}") - _weight(row, j))).over(so_far)
        for row in _ROWS
        for j in _all(tags)
    }


def share(conf: Affinities, tag: int) -> Column:
    """The share of tag j as of the last event, from columns of `running`."""
    late = _place("a", F.col("last"), conf) >= HALF
    mine, everything = (F.when(late, _block("a", j)).otherwise(_block("b", j)) for j in (str(tag), "all"))
    return mine.cast("double") / everything


def half_life(conf: Affinities) -> int:
    """Microseconds."""
    return round(conf.half_life_days * DAY_US)


def _all(tags: int) -> list[str]:
    return ["all", *(str(j) for j in range(tags))]


def _block(row: str, j: str) -> Column:
    return F.col(f"{row}{j}") - F.col(f"_{row}{j}")


def _shifted(row: str, time: Column, conf: Affinities) -> Column:
    shift = HALF * half_life(conf) if row == "b" else 0
    return F.coalesce(time, F.lit(0)) + F.lit(shift)


def _place(row: str, time: Column, conf: Affinities) -> Column:
    """Half-lives since the block began: 0 to 32."""
    half = half_life(conf)
    return F.pmod(_shifted(row, time, conf), F.lit(2 * HALF * half)) / float(half)


def _weight(row: str, j: str) -> Column:
    if j == "all":
        return F.col(f"_w{row}")
    has = F.getbit(F.coalesce("_tags", F.lit(0).cast("bigint")), F.lit(int(j))) == 1
    return F.when(has, F.col(f"_w{row}")).otherwise(F.lit(0).cast("bigint"))
