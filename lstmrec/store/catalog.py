"""Views of what is live (`publish.catalog`): a catalog's names, for readers that know nothing of versions and folders.

A view, and no external table: of a table in partitions only the place of each partition could be moved, one after the
other, and of one that holds what moved alone (`Table.grows`) a folder is not the table. A view says our own rule
(`store.read`) in SQL, costs nothing to move, and what it shows is pruned and erased where it lies.

Spark's CREATE OR REPLACE VIEW drops and creates, and readers see nothing in between; so a view that is there is moved
by ALTER VIEW, which is one call of the metastore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # it has no types
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lstmrec import files, versions
from lstmrec.config.publish import CatalogConfig
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, ResourceError
from lstmrec.contracts.manifest import Manifest
from lstmrec.contracts.tables import Table
from lstmrec.store.session import session

_ROOT = "lstmrec.root"  # the property of a view that says whose it is


@contextmanager
def views(root: str, asked: CatalogConfig | None) -> Iterator[Callable[[], None]]:
    """Gives what moves the views to the versions that are live when it is called; once more repairs what broke off.

    Before, all is refused that can be known then: ConfigError C831 (no such database), C832 (the name is another's).
    ResourceError R831 where the catalog does not answer, or refuses.
    """
    if asked is None:
        yield lambda: None
        return
    with session("lstmrec publish") as spark:
        with _answering(asked.database):
            _refuse(spark, root, asked)
        yield lambda: _point(spark, root, asked)


def lasting(spark: SparkSession) -> None:
    """ConfigError C830 for a catalog that ends with the session."""
    kept = spark.conf.get("spark.sql.catalogImplementation", "in-memory") != "in-memory"
    if not kept and not spark.conf.get("spark.sql.catalog.spark_catalog", ""):
        raise ConfigError("C830", "the session's catalog is in memory: its views end with it", "publish.catalog",
                          "set spark.sql.catalogImplementation to hive, and hive-site.xml beside it")  # fmt: skip


def rows_of(spark: SparkSession, root: str, contract: Table, manifest: Manifest) -> str:
    """SELECT of the rows of a version, as `read.read_version` reads them: columns of the contract, null where a column
    is younger than the version; of a version with a chain, of each value of `contract.grows` the newest rows."""
    chain = manifest.facts.get("chain", ()) if contract.grows else ()
    links = [*(versions.load(root, contract, v) for v in chain), manifest]
    # Places in the chain count all links; those without a file have nothing to show.
    parts = [_part(spark, root, contract, m, at) for at, m in enumerate(links) if m.files]
    names = ", ".join(_name(c) for c in contract.names)
    if not parts:
        return f"SELECT {', '.join(f'CAST(NULL AS {c.kind}) AS {_name(c.name)}' for c in contract.columns)} WHERE false"
    if len(parts) == 1:
        return f"SELECT {names} FROM ({parts[0]})"
    newest = f"max(`__at`) OVER (PARTITION BY {_name(contract.grows)}) AS `__newest`"
    every = f"SELECT *, {newest} FROM ({' UNION ALL '.join(parts)})"
    return f"SELECT {names} FROM ({every}) WHERE `__at` = `__newest`"


def _part(spark: SparkSession, root: str, contract: Table, manifest: Manifest, at: int) -> str:
    place = _absolute(files.join(versions.folder(root, contract.name, manifest.version), "data"))
    there = set(spark.read.parquet(place).columns)  # of the footers: no row is read
    columns = [f"CAST({_name(c.name) if c.name in there else 'NULL'} AS {c.kind}) AS {_name(c.name)}"
               for c in contract.columns]  # fmt: skip
    return f"SELECT {', '.join(columns)}, {at} AS `__at` FROM parquet.{_name(place)}"


def _point(spark: SparkSession, root: str, asked: CatalogConfig) -> None:
    for table, view in asked.views.items():
        contract = tables.table(table)
        if not versions.log(root, table, "live"):
            continue  # a run without a net has no item vectors
        name = f"{_name(asked.database)}.{_name(view)}"
        with _answering(f"{asked.database}.{view}"):
            rows = rows_of(spark, root, contract, versions.current(root, contract, "live"))
            if spark.catalog.tableExists(name):
                spark.sql(f"ALTER VIEW {name} AS {rows}")
            else:
                spark.sql(f"CREATE VIEW {name} COMMENT {_text(contract.doc)} "
                          f"TBLPROPERTIES ({_text(_ROOT)} = {_text(_absolute(root))}) AS {rows}")  # fmt: skip


def _refuse(spark: SparkSession, root: str, asked: CatalogConfig) -> None:
    if not spark.catalog.databaseExists(_name(asked.database)):
        raise ConfigError("C831", f"the catalog has no database {asked.database}", "publish.catalog.database",
                          f"CREATE DATABASE {asked.database}, or name another")  # fmt: skip
    for table, view in asked.views.items():
        name = f"{_name(asked.database)}.{_name(view)}"
        if not spark.catalog.tableExists(name):
            continue
        told = {r["key"]: r["value"] for r in spark.sql(f"SHOW TBLPROPERTIES {name}").collect()}
        if (whose := told.get(_ROOT)) != _absolute(root):
            of = "is none of ours" if whose is None else f"shows {whose}"
            raise ConfigError("C832", f"{asked.database}.{view} is there, and {of}", f"publish.catalog.views.{table}",
                              "name another view, or drop that one first")  # fmt: skip


@contextmanager
def _answering(where: str) -> Iterator[None]:
    try:
        yield
    except (PySparkException, Py4JError) as error:
        said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ResourceError("R831", f"the catalog refuses: {said}", where,
                            "what was published stays; publish again moves the views") from error  # fmt: skip


def _absolute(path: str) -> str:
    """The place as it is from everywhere: a reader's working folder is another."""
    return str(files.local(path).resolve()) if files.is_local(path) else path


def _name(name: str) -> str:
    """Quoted as SQL's identifier."""
    return "`" + name.replace("`", "``") + "`"


def _text(value: str) -> str:
    """Quoted as SQL's text."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
