"""Aggregates of one's own: `{name, agg: SQL}` as running aggregates over a user's events.

Each aggregate call in the text gets a window behind it. The rows then come in the user's total order, so that a sum of
doubles, too, is the same under any partitioning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from lstmrec.config.profile import OwnFeature
from lstmrec.contracts.errors import ConfigError

OWN = "own:"
#: Aggregates whose state stays small while they run.
AGGREGATES = (
    "any", "any_value", "approx_count_distinct", "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or",
    "corr", "count", "count_if", "covar_pop", "covar_samp", "every", "first", "kurtosis", "last", "max", "max_by",
    "mean", "min", "min_by", "regr_count", "regr_slope", "skewness", "some", "std", "stddev", "stddev_pop",
    "stddev_samp", "sum", "try_avg", "try_sum", "var_pop", "var_samp", "variance",
)  # fmt: skip
#: Clocks, chance, places, queries, code, and names that would bring the future in.
_REFUSED = {
    "curdate", "current_catalog", "current_database", "current_date", "current_schema", "current_time",
    "current_timestamp", "current_user", "distinct", "explode", "filter", "from", "input_file_name", "java_method",
    "lag", "lead", "localtimestamp", "monotonically_increasing_id", "now", "ntile", "over", "rand", "randn",
    "random", "randstr", "reflect", "row_number", "select", "session_user", "shuffle", "spark_partition_id",
    "try_reflect", "uniform", "unix_timestamp", "user", "uuid", "version", "within",
}  # fmt: skip
_TOKEN = re.compile(
    r"""(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<comment>--|/\*|\*/|;)|(?P<word>[A-Za-z_]\w*)"""
    r"""|(?P<open>\()|(?P<close>\))|(?P<rest>\s+|\d[\w.]*|.)""",
    re.DOTALL,
)
_OVER = " OVER (PARTITION BY user_id ORDER BY index ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"


def columns(split: DataFrame, own: Sequence[OwnFeature]) -> dict[str, Column]:
    """`own:NAME` -> double, the aggregate over a user's rows up to each; never NaN or infinite.

    ConfigError C341 for a text that cannot be a running aggregate, C342 where Spark does not accept it, C343 where it
    is no number.
    """
    out = {}
    for f in own:
        where = f"profile.features: {f.name}"
        try:
            value = F.expr(windowed(f.agg, where))
            kind = split.select(value.alias("x")).schema["x"].dataType
        except (AnalysisException, ParseException) as error:
            raise ConfigError("C342", f"{f.agg!r} is no aggregate Spark accepts: {str(error).splitlines()[0]}", where,
                              f"columns there: {', '.join(split.columns)}") from error  # fmt: skip
        if not isinstance(kind, T.NumericType):
            raise ConfigError("C343", f"{f.agg!r} is {kind.simpleString()}, not a number", where,
                              "count_if(...) for a condition, cast(... as double) for text")  # fmt: skip
        number = value.cast("double")
        out[OWN + f.name] = F.when(F.abs(number) < float("inf"), number)  # NaN is above infinity
    return out


def windowed(agg: str, where: str) -> str:
    """The text with a window behind each aggregate call. ConfigError C341."""
    tokens = list(_tokens(agg, where))
    out: list[str] = []
    calls: list[bool] = []  # of every open parenthesis, whether it is an aggregate's
    word, found = "", False
    for kind, text in tokens:
        out.append(text)
        if kind == "open":
            calls.append(word in AGGREGATES)
            found |= calls[-1]
        elif kind == "close":
            if not calls:
                raise _refused(agg, "a ) closes nothing", where)
            if calls.pop():
                out.append(_OVER)
        if kind != "rest" or not text.isspace():
            word = text.lower() if kind == "word" else ""
    if calls or not found:
        raise _refused(agg, "a ( stays open" if calls else f"no aggregate in it; there are {', '.join(AGGREGATES)}",
                       where)  # fmt: skip
    return "".join(out)


def _tokens(agg: str, where: str) -> Iterator[tuple[str, str]]:
    for m in _TOKEN.finditer(agg):
        kind, text = str(m.lastgroup), m.group()
        if kind == "comment" or text in "'\"`" or (kind == "word" and text.lower() in _REFUSED):
            raise _refused(agg, f"{text!r} may not stand in it", where)
        yield kind, text


def _refused(agg: str, why: str, where: str) -> ConfigError:
    return ConfigError("C341", f"{agg!r} cannot be a running aggregate: {why}", where, "e.g. sum(value) / 100.0")
