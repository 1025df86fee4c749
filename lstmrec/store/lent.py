"""What recommenders cannot do themselves, since it acts or reads elsewhere: the job lends it by name (`WANTS`)."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from lstmrec.config.run import Config
from lstmrec.store import another, asked
from lstmrec.store.als import Factors
from lstmrec.store.another import Another
from lstmrec.store.climb import Climb
from lstmrec.store.work import Desk


def sources(conf: Config) -> dict[str, str]:
    """What identifies that which is read from outside the root."""
    return asked.sources(conf) | another.sources(conf)


def hands(spark: SparkSession, conf: Config, d: Desk) -> tuple[dict[str, Any], dict[str, Any]]:
    """(name -> hand, entry -> facts of what they fitted, filled as they work)."""
    told: dict[str, Any] = {}
    lent = {"keep": d.materialise, "factors": Factors(d, conf.seed, told), "another": Another(spark, conf),
            "climb": Climb(d, told)}  # fmt: skip
    return lent, told
