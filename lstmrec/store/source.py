"""Tables as they lie somewhere: found, fingerprinted, read. The only door for rows from outside."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # it has no types
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from lstmrec import files
from lstmrec.config import secret
from lstmrec.config.clean import Source
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.contracts.manifest import digest
from lstmrec.frames.names import CORRUPT
from lstmrec.store import footers, unread
from lstmrec.store.places import GLOB, PACKAGE, finished, found, place, resolve


@dataclass(frozen=True)
class Opened:
    """A source's rows, before its `where`, and the files left out as broken."""

    frame: DataFrame
    corrupt_files: tuple[str, ...] = ()


def read_source(spark: SparkSession, source: Source, key: str) -> DataFrame:
    """Every row of a source, before its `where`."""
    return opened(spark, source, key).frame


def opened(spark: SparkSession, source: Source, key: str) -> Opened:
    """Every row of a source. key: its place in the config, for errors.

    Rows of CSV and JSON that do not parse come with their line in `_corrupt_record`. Parquet files of several schemas
    give every column of any of them. DataError D301 (nothing there), D302 (no data files), D303 (Spark cannot read
    it), D306 and D309 (columns that do not go together), D307 (broken files, unless they are to be left out), D313 (a
    folder that is not finished, where that is asked).
    """
    with readable(source, key, opening=True):
        if source.format == "table":
            return Opened(spark.table(source.path[0]))
        paths = [resolve(p, key) for p in source.path]
        # First: of a writer who finishes meanwhile all files are there.
        for configured, path in zip(source.path, paths, strict=True) if source.success_file else ():
            finished(configured, path, key)
        listed = [found(given, path, key) for given, path in zip(source.path, paths, strict=True)]
        given = secret.resolved(source.options, f"{key}.options")
        options = dict(given)
        corrupt = _broken(source, paths, listed, key)
        if corrupt:
            if len(paths) == 1 and not GLOB.search(paths[0]) and "basePath" not in options:
                options["basePath"] = paths[0]
            paths = [url for path, there in zip(paths, listed, strict=True)
                     for file, url in _urls(path, there).items() if file not in corrupt]  # fmt: skip
        reader = spark.read.format(source.format)
        if source.format in ("csv", "json"):
            return Opened(_told_apart(spark, source, paths, given))
        if source.format == "parquet":  # a flipped bit is an error that names the file, wherever pages have checksums
            options = {"parquet.page.verify-checksum.enabled": "true"} | options
            schema = _agreed(spark, source, listed, corrupt, key)
            reader = reader if schema is None else reader.schema(schema)
        reader = reader if source.columns is None else reader.schema(source.columns)
        return Opened(reader.options(**options).load(paths), tuple(sorted(corrupt)))


@contextmanager
def readable(source: Source, key: str, opening: bool = False) -> Iterator[None]:
    """Around whatever makes Spark read a source: DataError D305 naming the file that cannot be read. opening: D303 for
    whatever else Spark says; later, other errors go through as they are."""
    try:
        yield
    except (PySparkException, Py4JError) as error:  # a failing footer comes as the plain error of the JVM
        told = unread.file_of(error)
        if told is not None:
            hint = "write the file again, or leave it out"
            if told.kind == "PARQUET_COLUMN_DATA_TYPE_MISMATCH":
                hint = "its type differs from that of other files: write them as one type"
            raise DataError("D305", f"cannot read {told.file}: {told.why}", f"{key}.path", hint) from error
        if opening:
            raise DataError("D303", f"Spark cannot read this as {source.format}: {unread.cause(error)}",
                            f"{key}.path · {', '.join(source.path)}", "check format and path") from error  # fmt: skip
        raise


def _told_apart(spark: SparkSession, source: Source, paths: list[str], given: dict[str, str]) -> DataFrame:
    """CSV or JSON with `_corrupt_record`. Columns of CSV are told by name where there is a header."""
    options = {"enforceSchema": "false"} if source.format == "csv" and _on(source, "header") else {}
    options |= given | {"columnNameOfCorruptRecord": CORRUPT}
    reader = spark.read.format(source.format).options(**options)
    if source.columns is None:
        schema = reader.load(paths).schema
    else:
        schema = spark.createDataFrame([], source.columns).schema
    if CORRUPT not in schema.names:
        schema = schema.add(CORRUPT, "string")
    return reader.schema(schema).load(paths)


def _on(source: Source, option: str) -> bool:
    return any(k.lower() == option and v.lower() == "true" for k, v in source.options.items())


def _broken(source: Source, paths: list[str], listed: list[dict[str, Any]], key: str) -> dict[str, str]:
    """Files to leave out. stop: DataError D307 for those of no bytes, which Spark passes over without a word."""
    corrupt: dict[str, str] = {}
    for path, there in zip(paths, listed, strict=True):
        if source.on_corrupt_file == "stop":
            there = {f: info for f, info in there.items() if int(info["size"]) == 0}
        if there:
            corrupt |= footers.broken(place(path)[0], there, source.format)
    if corrupt and (source.on_corrupt_file == "stop" or len(corrupt) == sum(map(len, listed))):
        first = "; ".join(f"{f}: {why}" for f, why in sorted(corrupt.items())[:3])
        raise DataError("D307", f"{len(corrupt)} broken file(s): {first}", f"{key}.path",
                        f"write them again, or --set {key}.on_corrupt_file=quarantine")  # fmt: skip
    return corrupt


def _agreed(spark: SparkSession, source: Source, listed: list[dict[str, Any]], corrupt: dict[str, str], key: str
            ) -> Any:  # fmt: skip
    """The schema of files that differ, unless the config says what the columns are."""
    files = [f for there in listed for f in there if f not in corrupt]
    if source.columns or "mergeSchema" in source.options or not files:
        return None
    paths = [resolve(p, key) for p in source.path]
    urls = {f: url for path, there in zip(paths, listed, strict=True) for f, url in _urls(path, there).items()}
    return footers.agreed(spark, place(paths[0])[0], files, urls, key)


def _urls(path: str, there: Mapping[str, Any]) -> dict[str, str]:
    """File as fsspec lists it -> file as Spark opens it, which has the scheme of the path that was given."""
    scheme, found, _ = path.partition("://")
    return {file: f"{scheme}://{file.lstrip('/')}" if found and scheme != "file" else file for file in there}


def fingerprints(conf: Config) -> dict[str, str]:
    """Source of s1 -> its `fingerprint`."""
    sources = {"events": conf.clean.events, "items": conf.clean.items, "users": conf.clean.users}
    return {f"source:{name}": fingerprint(conf.root, source, f"clean.{name}")
            for name, source in sources.items() if source is not None}  # fmt: skip


def fingerprint(root: str, source: Source, key: str) -> str:
    """What identifies a source's rows: (path, size, modification or etag) of each file; in a package the path inside
    it, size and sha256, so that it does not matter where the package lies. A source whose files cannot be listed (a
    catalogue table) counts as new each time.

    ConfigError C302 where the source is inside the run's root, or the root inside the source.
    """
    if source.format == "table":
        return uuid.uuid4().hex
    parts: list[Any] = []
    for given in source.path:
        path = resolve(given, key)
        _apart(root, given, path, key)
        listed = found(given, path, key)
        parts.append([_file(given, file, info) for file, info in listed.items()] or uuid.uuid4().hex)
    return digest(parts)


def _file(given: str, file: str, info: Any) -> list[Any]:
    if given.startswith(PACKAGE):
        return [given, int(info["size"]), files.sha256(file)]
    changed = info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("LastModified") or ""
    return [file, int(info["size"]), str(changed)]


def _apart(root: str, given: str, path: str, key: str) -> None:
    """Refuse a root that a source would read, and a source that the run may write over."""
    if files.is_local(root) != files.is_local(path):
        return
    ours, theirs = _plain(root), _plain(path)
    above = [ours, *(str(p) for p in Path(ours).parents)] if theirs.startswith("/") else [ours]
    if not theirs.startswith("/"):
        above = [ours.rsplit("/", n)[0] if n else ours for n in range(ours.count("/") - 1)]
    inside = any(a == theirs or (GLOB.search(theirs) and fnmatchcase(a, theirs)) for a in above)
    if inside or theirs.startswith(ours + "/"):
        raise ConfigError("C302", f"root {root} and source {given} lie inside one another", f"root · {key}.path",
                          "give the run a folder of its own: --set root=runs/mine")  # fmt: skip


def _plain(path: str) -> str:
    """Local paths absolute with links followed (as far as they exist), others without a trailing slash."""
    return os.path.realpath(files.local(path)) if files.is_local(path) else path.rstrip("/")
