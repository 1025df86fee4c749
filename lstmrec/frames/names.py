"""A column is named by a source column or by SQL over the source's columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from lstmrec.contracts.errors import ConfigError, DataError

#: The column of CSV and JSON sources that holds the line of a row that did not parse.
CORRUPT = "_corrupt_record"


@dataclass(frozen=True)
class Named:
    """A column and the type it has in its source."""

    column: Column
    kind: T.DataType


def quoted(name: str) -> Column:
    """The column of exactly this name, dots, spaces and backticks included."""
    return F.col("`" + name.replace("`", "``") + "`")


def resolve(frame: DataFrame, wanted: Mapping[str, str | None], where: str) -> dict[str, Named]:
    """Config key -> column. A name that is a column of the frame means that column, anything else is SQL; null: none.

    where: the source's place in the config. DataError D304 naming every missing column and those there are;
    ConfigError C303 for SQL that Spark does not accept.
    """
    out: dict[str, Named] = {}
    missing: list[str] = []
    for key, text in wanted.items():
        if text is None:
            continue
        try:
            column = quoted(text) if text in frame.columns else F.expr(text)
            out[key] = Named(column, frame.select(column).schema[0].dataType)
        except AnalysisException as error:
            if not str(error.getCondition()).startswith("UNRESOLVED_COLUMN"):
                raise ConfigError("C303", f"{text!r} is no column and no SQL: {str(error).splitlines()[0]}",
                                  f"{where}.{key}", f"columns there: {_listed(frame)}") from error  # fmt: skip
            missing.append(f"{key}: {text}")
    if missing:
        raise DataError("D304", f"missing in the source: {'; '.join(missing)}", where,
                        f"columns there: {_listed(frame)}")  # fmt: skip
    return out


def kept(frame: DataFrame, where: str | None, place: str) -> DataFrame:
    """The rows for which `where` (SQL) is true, and those that did not parse, which are refused by name later; all
    rows without one."""
    if where is None:
        return frame
    condition = resolve(frame, {"where": where}, place)["where"]
    if not isinstance(condition.kind, T.BooleanType):
        raise ConfigError("C303", f"{where!r} is no condition but {condition.kind.simpleString()}", f"{place}.where")
    if CORRUPT in frame.columns:
        return frame.where(condition.column | F.col(CORRUPT).isNotNull())
    return frame.where(condition.column)


def _listed(frame: DataFrame) -> str:
    return ", ".join(frame.columns[:50]) + (" ..." if len(frame.columns) > 50 else "")
