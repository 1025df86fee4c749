"""Judged rows on the desk: how many came, how many were refused and why, and whether that is still bearable."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from lstmrec.contracts.errors import DataError
from lstmrec.contracts.tables import Table
from lstmrec.store import collect
from lstmrec.store.work import Desk

_VERDICT = "`reject_reason` string, `reject_value` string, `_row` string, `_source` string, `_rejected` boolean"


@dataclass(frozen=True)
class Judged:
    """Rows with their verdict, read back from the desk. rows: rows of the source. refused: reason -> rows."""

    frame: DataFrame
    rows: int
    refused: dict[str, int]

    @property
    def lost(self) -> int:
        return sum(self.refused.values())


def judged(source: DataFrame, verdict: DataFrame, desk: Desk, name: str) -> Judged:
    """Write the verdict once, accepted and refused rows in folders of their own, and count from read-back; the source
    is counted apart, so that a row lost or doubled on the way shows at the commit."""
    frame = desk.materialise(verdict, name, "_rejected")
    return Judged(frame, collect.count(source), collect.counts(frame, "reject_reason"))


def nothing(spark: SparkSession, contract: Table) -> Judged:
    """What a source that is not configured gives."""
    return Judged(spark.createDataFrame([], f"{contract.ddl}, {_VERDICT}"), 0, {})


def bearable(events: Judged, share: float) -> None:
    """DataError D310 where more than this share of the event rows is refused (duplicates are no fault of the rows and
    do not count), D311 where none is left."""
    faults = {reason: n for reason, n in events.refused.items() if reason != "duplicate"}
    top = ", ".join(f"{reason} {n:,}" for reason, n in list(faults.items())[:5])
    refused = sum(faults.values())
    rate = refused / max(events.rows, 1)
    if rate > share:
        raise DataError("D310", f"quarantine rate {rate:.1%} > {share:.1%}: {refused:,} of {events.rows:,} event rows "
                        "refused", f"clean.events · {top}",
                        "mend the source or the rule, or raise clean.max_reject_share")  # fmt: skip
    if events.rows - events.lost <= 0:
        raise DataError("D311", f"no event is left of {events.rows:,} rows",
                        f"clean.events · {top or 'the source is empty'}", "see clean.events.where")  # fmt: skip


def told(events: Judged, users: int) -> dict[str, str]:
    """What the job's line says."""
    top = ", ".join(f"{reason} {n:,}" for reason, n in list(events.refused.items())[:3])
    return {
        "of": f"{events.rows:,}",
        "rejected": f"{events.lost:,}" + (f" ({top})" if top else ""),
        "users": f"{users:,}",
    }
