"""Ids of people where anybody may read them: in errors, on terminals and in logs."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_SHOWN = 12


def unnamed(frame: DataFrame) -> DataFrame:
    """The same rows, `user_id` (where there is one) as `sha2 ` and the first 12 digits of sha2(user_id, 256), by which
    whoever may read the table finds the user."""
    if "user_id" not in frame.columns:
        return frame
    return frame.withColumn("user_id", F.concat(F.lit("sha2 "), F.substring(F.sha2("user_id", 256), 1, _SHOWN)))
