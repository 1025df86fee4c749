"""Work in parts, each committed on its own: what a killed run finished is not done again.

PLACE/00007/UUID/...parquet     the rows of bucket 7, seen by nobody until
PLACE/00007.json                its marker is created, which names that folder and its files
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event

from pyspark.sql import DataFrame, SparkSession

from lstmrec import files
from lstmrec.contracts.errors import ResourceError
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
        list(pool.map(made, [b for b in range(many) if marked(place, b) is None]))
    listed = [marked(place, b) for b in range(many)]
    if None in listed:
        raise ResourceError("R112", f"bucket {listed.index(None)} was made, and its marker is gone", place,
                            "run again: what is finished is not made again")  # fmt: skip
    found = [files.join(place, path) for paths in listed for path in paths or ()]
    return spark.read.schema(ddl).parquet(*found) if found else spark.createDataFrame([], ddl)


def marked(place: str, bucket: int) -> list[str] | None:
    """The files of a bucket, below `place`; None until it is finished."""
    for number in count():  # more than one where a writer died over a marker: the first whole one counts
        path = _marker(place, bucket, number)
        found: list[str] | None = files.whole_json(path)
        if found is not None or not files.exists(path):
            return found
    raise AssertionError


def _marker(place: str, bucket: int, number: int = 0) -> str:
    return files.join(place, f"{bucket:05d}{f'-{number}' if number else ''}.json")


def _made(frame: DataFrame, place: str, bucket: int) -> None:
    mine = f"{bucket:05d}/{uuid.uuid4().hex}"
    frame.write.mode("errorifexists").parquet(files.join(place, mine))
    written = files.walk(files.join(place, mine))
    named = [f"{mine}/{p}" for p in written if not p.rsplit("/", 1)[-1].startswith(("_", "."))]
    for number in count():
        if files.create(_marker(place, bucket, number), json.dumps(named).encode()):
            return
        if marked(place, bucket) is not None:
            files.remove(files.join(place, mine))
            return
