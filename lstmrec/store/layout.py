"""Tables laid out by user: one file a hash bucket, rows sorted inside, and readers that know it.

Whoever groups or walks such a table by its cluster columns then shuffles and sorts nothing. Spark knows this layout as
bucketing, but its public doors to it need a catalogue, which a folder of ours is not in; so the two commands behind
those doors are called here by name. Where they are missing (Spark Connect, another Spark), rows are written
in the same order by public means and read without the promise: slower, the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]  # it has no types
from pyspark.sql import DataFrame, SparkSession

from lstmrec.store.session import parallelism

_SOURCES = "org.apache.spark.sql.execution.datasources"
_ROWS = 1_000_000


def buckets(spark: SparkSession, rows: int) -> int:
    """How many buckets hold `rows` events: about a million each, at least one for every core."""
    return max(parallelism(spark), -(-rows // _ROWS))


def write(frame: DataFrame, place: str, cluster: Sequence[str], order: Sequence[str], many: int, *,
          partitions: Sequence[str] = ()) -> int:  # fmt: skip
    """Write a new folder: below each partition folder one file a bucket of hash(cluster), rows by cluster and order.

    Returns `many`, or 0 where Spark would not say so to readers. Shuffles unless the frame lies by these buckets
    already. An existing folder is refused by Spark.
    """
    if not lies_by(frame, cluster, many):
        frame = frame.repartition(many, *cluster)
    try:
        jvm, spec = _jvm(frame.sparkSession), _spec(frame.sparkSession, cluster, order, many)
        plan = frame._jdf.queryExecution().analyzed()
        output = plan.output()
        attributes = _seq(jvm, [a for a in (output.apply(i) for i in range(output.size())) if a.name() in partitions])
        command = _class(jvm, f"{_SOURCES}.InsertIntoHadoopFsRelationCommand")(
            jvm.org.apache.hadoop.fs.Path(place), _map(jvm), False, attributes, spec,
            _class(jvm, f"{_SOURCES}.parquet.ParquetFileFormat")(), _map(jvm), plan,
            jvm.org.apache.spark.sql.SaveMode.valueOf("ErrorIfExists"), jvm.scala.Option.empty(),
            jvm.scala.Option.empty(), _seq(jvm, frame.columns),
        )  # fmt: skip
    except (AttributeError, TypeError, Py4JError) as error:
        if isinstance(error, Py4JJavaError):
            raise
        sorted_rows = frame.sortWithinPartitions(*partitions, *cluster, *order)
        sorted_rows.write.mode("errorifexists").partitionBy(*partitions).parquet(place)
        return 0
    _class(jvm, "org.apache.spark.sql.classic.Dataset").ofRows(frame.sparkSession._jsparkSession, command)
    return many


def known(frame: DataFrame, cluster: Sequence[str], order: Sequence[str], many: int) -> DataFrame:
    """A frame fresh from `spark.read` of files that `write` made, with the promise of their layout."""
    if many == 0 or not cluster:
        return frame
    try:
        spark = frame.sparkSession
        relation = frame._jdf.queryExecution().analyzed().relation()
        bucketed = relation.copy(
            relation.location(), relation.partitionSchema(), relation.dataSchema(), _spec(spark, cluster, order, many),
            relation.fileFormat(), relation.options(), relation.sparkSession(),
        )  # fmt: skip
        return DataFrame(spark._jsparkSession.baseRelationToDataFrame(bucketed), spark)
    except (AttributeError, TypeError, Py4JError) as error:
        if isinstance(error, Py4JJavaError):
            raise
        return frame


def lies_by(frame: DataFrame, cluster: Sequence[str], many: int) -> bool:
    """Whether the frame's rows come by `many` buckets of hash(cluster), from its plan."""
    try:
        plan = frame._jdf.queryExecution().executedPlan()
        plan = plan.initialPlan() if "Adaptive" in plan.getClass().getSimpleName() else plan
        partitioning = plan.outputPartitioning().toString()
    except (AttributeError, Py4JError):
        return False
    words = str(partitioning).lower()
    return words.startswith(f"hashpartitioning({cluster[0].lower()}#") and words.endswith(f", {many})")


def _spec(spark: SparkSession, cluster: Sequence[str], order: Sequence[str], many: int) -> Any:
    jvm = _jvm(spark)
    make = _class(jvm, "org.apache.spark.sql.catalyst.catalog.BucketSpec")
    return jvm.scala.Option.apply(make(many, _seq(jvm, cluster), _seq(jvm, [*cluster, *order])))


def _jvm(spark: SparkSession) -> Any:
    return spark._jvm


def _class(jvm: Any, name: str) -> Any:
    for part in name.split("."):
        jvm = getattr(jvm, part)
    return jvm


def _seq(jvm: Any, values: Sequence[Any]) -> Any:
    held = jvm.java.util.ArrayList()
    for value in values:
        held.add(value)
    return jvm.scala.jdk.javaapi.CollectionConverters.asScala(held).toSeq()


def _map(jvm: Any) -> Any:
    return jvm.scala.collection.immutable.HashMap()
