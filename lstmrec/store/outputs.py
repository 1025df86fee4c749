"""Copies of committed lists for other systems: JSON lines, Parquet and a database's table, by Spark's own writers.

A version never changes, so a copy is made once: a marker in the run's root says that it is whole, and what a stopped
run left half done is made again (a folder) or completed (a table, where no row is put in twice).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # it has no types
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstmrec import files
from lstmrec.config import secret
from lstmrec.config.run import Config
from lstmrec.config.score import Jdbc, Output
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError, ResourceError
from lstmrec.contracts.manifest import Manifest, digest
from lstmrec.store.read import read_version

#: Classes of drivers by the name in the URL; of others `options.driver` tells.
_DRIVERS = {"postgresql": "org.postgresql.Driver"}
#: Copies that are a folder of files a version.
_FOLDERS = ("jsonl", "parquet")
KEY = ("version", "recommender", "role", "user_id")


def owed(conf: Config, manifest: Manifest) -> list[str]:
    """Which copies of a version the config asks for and nobody has finished: `jsonl`, `parquet`, `jdbc`."""
    asked = {name: getattr(conf.score.output, name) for name in (*_FOLDERS, "jdbc")}
    return [name for name, to in asked.items() if to and not files.exists(_marker(conf, manifest, name))]


def write(spark: SparkSession, conf: Config, manifest: Manifest) -> None:
    """Make the copies that are owed. ConfigError C702, DataError D721, ResourceError R721: see `_jdbc`."""
    for name in owed(conf, manifest):
        o = conf.score.output
        lists = read_version(spark, conf.root, tables.RECOMMENDATIONS, manifest)
        rows = copied(lists, o, manifest.version, conf.variants is not None)
        if name in _FOLDERS:
            _folder(rows, name, files.join(getattr(o, name), manifest.version))
        if name == "jdbc" and o.jdbc:
            _jdbc(spark, rows, o.jdbc, manifest.version)
        files.create(_marker(conf, manifest, name), b"{}")


def copied(lists: DataFrame, conf: Output, version: str, trial: bool = False) -> DataFrame:
    """version, recommender, role, user_id, reason, history, model, as_of, and items, or with explode item_id, score,
    rank: RECOMMENDATIONS rows of the roles and recommenders asked for. trial: variants are configured, and stand in a
    column `variant`; where no recommender is named, rows of role serve are one a user: the list to be shown."""
    rows = lists.where(F.col("role").isin(list(conf.roles)))
    if conf.recommenders is not None:
        rows = rows.where(F.col("recommender").isin(list(conf.recommenders)))
    elif trial:
        rows = rows.where((F.col("role") != "serve") | F.col("variant").isNotNull())
    whose = ["recommender", "role", "user_id", "reason", "history", "model", "as_of", *(["variant"] if trial else [])]
    rows = rows.select(F.lit(version).alias("version"), *whose, "items")
    return rows.select(*KEY, *whose[3:], F.inline("items")) if conf.explode else rows


def _marker(conf: Config, manifest: Manifest, name: str) -> str:
    o = conf.score.output
    to: Any = [o.jdbc.url, o.jdbc.table] if name == "jdbc" and o.jdbc else getattr(o, name)
    key = digest([name, to, o.explode, o.roles, o.recommenders])[:16]
    return files.join(conf.root, "_copies", manifest.version, f"{name}-{key}.json")


def _folder(rows: DataFrame, name: str, place: str) -> None:
    """PLACE/*.json, a row a line, or PLACE/*.parquet. What lies there has no marker of ours: it is half done, and made
    again."""
    files.remove(place)
    writer = rows.write.mode("errorifexists")
    if name == "parquet":
        writer.parquet(place)
    else:
        writer.option("ignoreNullFields", "false").json(place)


def _jdbc(spark: SparkSession, rows: DataFrame, to: Jdbc, version: str) -> None:
    """Put the rows into the table that it has not yet of this version; it is made where it is not there.

    ConfigError C702, C037 where a secret's variable is not set; DataError D721 for a table with other columns;
    ResourceError R721 for whatever the database refuses.
    """
    key = [*KEY, "rank"] if "rank" in rows.columns else list(KEY)
    if "items" in rows.columns:
        rows = rows.withColumn("items", F.to_json("items"))
    options = {**_driver(to.url), **secret.resolved(to.options, "score.output.jdbc.options"), "url": to.url,
               "dbtable": to.table, **({"user": to.user} if to.user else {})}  # fmt: skip
    if to.password_env:
        if to.password_env not in os.environ:
            raise ConfigError("C702", f"environment variable {to.password_env} is not set",
                              "score.output.jdbc.password_env")  # fmt: skip
        options["password"] = os.environ[to.password_env]
    there = _tried(lambda: spark.read.format("jdbc").options(**options).load(), to, stop=False)
    if there is None:
        _tried(lambda: rows.write.format("jdbc").mode("errorifexists").options(**options).save(), to)
        return
    named = {c.lower(): f"`{c}`" for c in there.columns}  # a database has its own opinion of capitals
    if lacking := [c for c in rows.columns if c not in named]:
        raise DataError("D721", f"the table has no column {', '.join(lacking)}", f"{to.url} · {to.table}",
                        f"columns there: {', '.join(there.columns)}; name another table")  # fmt: skip
    old = there.where(F.col(named["version"]) == version).select(*[F.col(named[c]).alias(c) for c in key])
    new = rows.join(old, key, "left_anti")
    _tried(lambda: new.write.format("jdbc").mode("append").options(**options).save(), to)


def _driver(url: str) -> dict[str, str]:
    """The option that Java needs to find a driver among `spark.jars`: it looks at the class path alone by itself."""
    kind = url.split(":")[1] if url.count(":") > 1 else ""
    return {"driver": _DRIVERS[kind]} if kind in _DRIVERS else {}


def _tried(act: Callable[[], Any], to: Jdbc, stop: bool = True) -> Any:
    """The result, or, where the database refuses, R721; without `stop` None: there may be no table."""
    try:
        return act()
    except (PySparkException, Py4JError) as error:
        if not stop:
            return None
        said = _innermost(error)
        hint = "the lists are committed: run score again once it does not"
        if "suitable driver" in said or "ClassNotFound" in said:
            hint = (
                "spark-submit --conf spark.jars=THE_DRIVER.jar, and name its class in score.output.jdbc.options.driver"
            )
        raise ResourceError("R721", f"the database refuses: {said}", f"{to.url} · {to.table}", hint) from error


def _innermost(error: Exception) -> str:
    """The first line of the cause behind all causes: Spark's own words are that something failed."""
    java: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    while java is not None and java.getCause() is not None:
        java = java.getCause()
    text = str(error) if java is None else java.toString()
    return next((line for line in text.splitlines() if line.strip()), type(error).__name__)
