"""Whom no table is to hold: read once a job, and what identifies them."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstmrec.config.run import Config
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import digest
from lstmrec.frames import erased
from lstmrec.frames.names import kept
from lstmrec.store import collect
from lstmrec.store.source import fingerprint, opened, readable
from lstmrec.store.work import Desk


@dataclass(frozen=True)
class Gone:
    """frame: user_id, each once; none where the config names nobody. mark: a digest of them all."""

    frame: DataFrame | None = None
    mark: str = ""

    def without(self, frame: DataFrame) -> DataFrame:
        """Rows (with user_id) that are not theirs."""
        return frame if self.frame is None else erased.without(frame, self.frame)

    def met(self, frame: DataFrame) -> int:
        """How many rows are theirs."""
        return 0 if self.frame is None else collect.count(erased.theirs(frame, self.frame))

    @property
    def facts(self) -> dict[str, str]:
        """What REJECTS say of themselves: without whom they were made."""
        return {"erasure": self.mark} if self.mark else {}

    def left_out(self, rows: int) -> dict[str, int]:
        """A count for a manifest."""
        return {"erased": rows} if self.mark else {}

    def core(self, frame: DataFrame) -> DataFrame:
        """CORE without them."""
        return frame if self.frame is None else erased.kept_core(frame, self.frame)


def sources(conf: Config) -> dict[str, str]:
    """What s1 depends on besides its own section."""
    table = conf.erase.table
    if table is None:
        return {}
    said = table.model_dump(mode="json", exclude={"success_file"})  # it changes no row: a run of before stays as it is
    return {"source:erase": digest([fingerprint(conf.root, table, "erase.table"), said])}


def asked(spark: SparkSession, conf: Config, desk: Desk | None = None) -> Gone:
    """Whom the config names. DataError D354 where a row names nobody: whoever was meant would stay. desk: where they
    are written down; without one each use reads their table."""
    table = conf.erase.table
    if table is None:
        return Gone()
    with readable(table, "erase.table"):
        every = erased.ids(kept(opened(spark, table, "erase.table").frame, table.where, "erase.table"), table)
        rows = every if desk is None else desk.materialise(every, "erased")
        told = collect.rows(rows.agg(F.count_if(F.col("user_id").isNull()).alias("none")))[0]
        if told["none"]:
            raise DataError("D354", f"{told['none']:,} rows name no user", "erase.table",
                            "mend the table: whoever was meant would stay")  # fmt: skip
        gone = rows.distinct()
        sums = F.sum(F.xxhash64("user_id").cast("decimal(38,0)")).cast("string").alias("sum")
        told = collect.rows(gone.agg(F.count(F.lit(1)).alias("users"), sums))[0]
    return Gone(gone, digest([int(told["users"]), told["sum"]]))
