"""Work in parts, each committed on its own: what a killed run finished is not done again.

PLACE/00007/UUID/...parquet     the rows of bucket 7, seen by nobody until
PLACE/00007.json                its marker is created, which names that folder and its files
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from pyspark.sql import DataFrame, SparkSession

from lstmrec import files
from lstmrec.store.commit import Ticket

#: Buckets under way at once: the next one's tasks fill the cores that the last tasks of one leave idle.
AT_ONCE = 2
#: Rows a bucket, where the config says nothing: more than a few seconds of work, less than anybody minds losing.
ROWS = 500_000


def folder(ticket: Ticket) -> str:
    """Where the buckets of a job lie: the same for the same inputs, config and VERSION."""
    return files.join(ticket.root, "_work", ticket.job, f"buckets-{ticket.skip_key[:32]}")


def kept(spark: SparkSession, folder: str, asked: int | None, make: Callable[[int, int], DataFrame], ddl: str,
         name: str, rows: int) -> DataFrame:  # fmt: skip
    """The rows of `make(0, many)` ... `make(many - 1, many)`, of schema `ddl`, read back from below FOLDER; buckets
    whose marker is there already are not made. many: as asked, else by how many rows there will be.

    A task that Spark runs twice writes one file: its committer sees to that, and the marker lists what it kept. Of two
    runs that make one bucket the first to create the marker wins, whole.
    """
    many = asked or max(1, -(-rows // ROWS))
    place = files.join(folder, f"{name}-of-{many}")
    stopped = Event()  # a bucket failed: none is begun any more

    def made(bucket: int) -> None:
        if not stopped.is_set():
            try:
                _made(make(bucket, many), place, bucket)
            except BaseException:
                stopped.set()
                raise

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(made, [b for b in range(many) if not files.exists(_marker(place, b))]))
    found = [files.join(place, path) for b in range(many) for path in json.loads(files.read_text(_marker(place, b)))]
    return spark.read.schema(ddl).parquet(*found) if found else spark.createDataFrame([], ddl)


def _marker(place: str, bucket: int) -> str:
    return files.join(place, f"{bucket:05d}.json")


def _made(frame: DataFrame, place: str, bucket: int) -> None:
    mine = f"{bucket:05d}/{uuid.uuid4().hex}"
    frame.write.mode("errorifexists").parquet(files.join(place, mine))
    written = files.walk(files.join(place, mine))
    named = [f"{mine}/{p}" for p in written if not p.rsplit("/", 1)[-1].startswith(("_", "."))]
    if not files.create(_marker(place, bucket), json.dumps(named).encode()):
        files.remove(files.join(place, mine))
