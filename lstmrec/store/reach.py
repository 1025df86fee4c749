"""Whether what a config names can be reached from here, by Spark and by fsspec, each with its own credentials."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from getpass import getuser
from typing import Any

from pydantic import BaseModel
from pyspark.sql import SparkSession

from lstmrec import files
from lstmrec.config.clean import Source
from lstmrec.config.run import Config
from lstmrec.contracts.errors import LstmrecError
from lstmrec.store import collect, session
from lstmrec.store.places import found, resolve
from lstmrec.store.source import read_source
from lstmrec.store.unread import cause

SPARK, FSSPEC = "Spark", "fsspec"


@dataclass(frozen=True)
class Reach:
    """One act on one path. by: SPARK or FSSPEC. who: with whose credentials, as far as can be told from here. failed:
    what was said; empty: it went well."""

    key: str
    path: str
    by: str
    act: str
    who: str
    failed: str = ""


def probes(spark: SparkSession, conf: Config, environ: Mapping[str, str] = os.environ) -> Iterator[Reach]:
    """Every act in order: sources are listed and read, the root is listed, written, created in only where nothing is,
    and read, by either side what the other wrote; other roots and teachers are listed. What is written is removed."""
    for key, source in sources(conf):
        for path in source.path:
            if source.format != "table":
                yield _tried(key, path, FSSPEC, "list", partial(_found, path, key), spark, environ)
        whole = ", ".join(source.path)
        yield _tried(key, whole, SPARK, "read", partial(_read, spark, source, key), spark, environ)
    for key, path in others(conf):
        yield _tried(key, path, FSSPEC, "list", partial(_there, path), spark, environ)
    yield from _root(spark, conf.root, environ)


def sources(conf: BaseModel, above: str = "") -> Iterator[tuple[str, Source]]:
    """Each table from outside that a config names, with its key."""
    for name in type(conf).model_fields:
        value, key = getattr(conf, name), f"{above}.{name}" if above else name
        if isinstance(value, Source):
            yield key, value
        elif isinstance(value, BaseModel):
            yield from sources(value, key)


def others(conf: Config) -> Iterator[tuple[str, str]]:
    """Roots of other runs, and nets, that a config names."""
    for entry in conf.train.teacher.bundles:
        yield "train.teacher.bundles", entry.partition("#")[0]
    for recommender in conf.score.recommenders:
        if root := getattr(recommender, "root", None):
            yield f"score.recommenders.{recommender.name}", str(root)


def credentials(path: str, by: str, spark: SparkSession, environ: Mapping[str, str]) -> str:
    """Whose credentials an act goes by: names, never secrets."""
    scheme = path.partition("://")[0] if "://" in path else "file"
    if by == SPARK:
        return session.credentials(spark, scheme)
    if scheme in ("s3", "s3a", "s3n"):
        if key := environ.get("AWS_ACCESS_KEY_ID"):
            return f"AWS_ACCESS_KEY_ID {key[:4]}..."
        return f"AWS_PROFILE {environ['AWS_PROFILE']}" if environ.get("AWS_PROFILE") else "the machine's role, or none"
    if scheme in ("gs", "gcs"):
        return environ.get("GOOGLE_APPLICATION_CREDENTIALS", "the machine's account, or none")
    return f"user {environ.get('HADOOP_USER_NAME') or _me()}" if scheme == "hdfs" else f"user {_me()}"


def _me() -> str:
    with suppress(Exception):  # a container's user may have no name
        return getuser()
    return str(os.getuid())


def _root(spark: SparkSession, root: str, environ: Mapping[str, str]) -> Iterator[Reach]:
    place = files.join(root, "_probe", uuid.uuid4().hex)
    ours, theirs = files.join(place, "ours", "rows.csv"), files.join(place, "theirs")

    def made(path: str, wanted: bool) -> None:
        if files.create(path, b"1\n") != wanted:
            raise OSError("a file that was there was overwritten: two runs could undo each other" if not wanted else
                          "a free name is said to be taken")  # fmt: skip

    acts: list[tuple[str, str, Callable[[], Any]]] = [
        (FSSPEC, "list", lambda: files.names(root)),
        (FSSPEC, "write", lambda: made(ours, True)),
        (FSSPEC, "create if absent", lambda: made(ours, False)),
        (FSSPEC, "read", lambda: files.read_text(ours)),
        (SPARK, "read what fsspec wrote", lambda: _same(collect.rows(spark.read.csv(ours))[0][0], "1")),
        (SPARK, "write", lambda: spark.range(1).write.parquet(theirs)),
        (FSSPEC, "list what Spark wrote", lambda: _same("_SUCCESS" in files.names(theirs), True)),
    ]
    try:
        for by, act, do in acts:
            yield _tried("root", root, by, act, do, spark, environ)
    finally:
        with suppress(Exception):  # where nothing could be written there is nothing to remove
            files.remove(place)
        with suppress(Exception):
            if not files.names(files.join(root, "_probe")):
                files.remove(files.join(root, "_probe"))


def _tried(key: str, path: str, by: str, act: str, do: Callable[[], Any], spark: SparkSession,
           environ: Mapping[str, str]) -> Reach:  # fmt: skip
    who = credentials(path, by, spark, environ)
    try:
        do()
    except LstmrecError as error:
        return Reach(key, path, by, act, who, f"{error.code}: {error.what}")
    except Exception as error:  # whatever a file system says is what was asked for
        return Reach(key, path, by, act, who, cause(error)[:200] or type(error).__name__)
    return Reach(key, path, by, act, who)


def _found(path: str, key: str) -> None:
    found(path, resolve(path, key), key)


def _read(spark: SparkSession, source: Source, key: str) -> None:
    collect.rows(read_source(spark, source, key).limit(1))


def _there(path: str) -> None:
    if not files.exists(path):
        raise FileNotFoundError("nothing is there")


def _same(found: object, wanted: object) -> None:
    if found != wanted:
        raise OSError(f"{found!r} where {wanted!r} was written: the two do not see one place")
