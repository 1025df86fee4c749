"""DRIVER side of `score.because`, pure frames: reasons on their way from the worker to the table, and what they cost.

Pinned items push listed ones about, so that on the way reasons are kept by item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from lstmrec.contracts import tables

_KIND = tables.RECOMMENDATIONS.column("reasons").kind
#: Columns of lists that have reasons: `because`, and item id -> reasons.
CARRIED = ("because", "why")


def carried(lists: DataFrame) -> DataFrame:
    """The worker's lists with `why` instead of the aligned reasons; without reasons they are as they were."""
    if "reasons" not in lists.columns:
        return lists
    kept = [c for c in lists.columns if c not in ("reasons", "list_s", "because_s")]
    return lists.select(*kept, F.map_from_arrays("items.item_id", "reasons").alias("why"))


def beside(lists: DataFrame) -> list[str]:
    """Which of CARRIED a frame has."""
    return [name for name in CARRIED if name in lists.columns]


def columns(lists: DataFrame) -> tuple[Column, Column]:
    """(because, reasons) of RECOMMENDATIONS, null where a row has none."""
    if not beside(lists):
        return F.lit(None).cast("array<string>").alias("because"), F.lit(None).cast(_KIND).alias("reasons")
    none = F.array().cast(_KIND.removeprefix("array<")[:-1])
    aligned = F.transform("items", lambda x: F.coalesce(F.try_element_at("why", x["item_id"]), none))
    return F.col("because"), F.when(F.col("why").isNotNull(), aligned).cast(_KIND).alias("reasons")


def cost(frames: Mapping[str, DataFrame], rows: Callable[[DataFrame], list[Row]]) -> dict[str, Any]:
    """Facts: for each of the worker's frames users, those with a reason, and users a second of one core, without and
    with reasons; {} where there is no frame."""
    out: dict[str, Any] = {}
    for name, frame in frames.items():
        r = rows(
            frame.agg(
                F.count(F.lit(1)).alias("users"),
                F.count_if(F.size("because") > 0).alias("explained"),
                F.sum("list_s").alias("without"),
                F.sum(F.col("list_s") + F.col("because_s")).alias("with"),
            )
        )[0]
        pace = {x: round(r["users"] / r[x], 1) if r[x] else None for x in ("without", "with")}
        out[name] = {"users": int(r["users"]), "explained": int(r["explained"]), "users_per_core_second": pace}
    return out


def told(facts: Mapping[str, Any]) -> dict[str, str]:
    """The job's line: what reasons do to the pace of a core, over all lists."""
    if not facts:
        return {}
    first = next(iter(facts.values()))["users_per_core_second"]
    return {"users/s a core": f"{first['without'] or 0:,.0f}, with reasons {first['with'] or 0:,.0f}"}
