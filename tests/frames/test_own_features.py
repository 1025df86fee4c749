"""Aggregates of one's own: what they are turned into, and what is refused (values: test_profiles.py)."""

from __future__ import annotations

from typing import Any

import pytest

from lstmrec.config.profile import OwnFeature, ProfileConfig
from lstmrec.contracts.errors import ConfigError
from lstmrec.frames import own_features, profiles
from tests.frames.test_profiles import SPLIT, split, windows

OVER = own_features._OVER


@pytest.mark.parametrize(
    ("agg", "expected"),
    [
        ("sum(value)", "sum(value)@"),
        ("SUM (value) / 100.0", "SUM (value)@ / 100.0"),
        ("sum(value * (1 + abs(quantity))) - count(*)", "sum(value * (1 + abs(quantity)))@ - count(*)@"),
        ("coalesce(max(value), 0)", "coalesce(max(value)@, 0)"),
        ('count_if(item_id = \')sum(\' || "it\\"s(")', 'count_if(item_id = \')sum(\' || "it\\"s(")@'),
        ("max(`index`) + sum_total", "max(`index`)@ + sum_total"),
    ],
)
def test_a_window_stands_behind_each_aggregate(agg: str, expected: str) -> None:
    assert own_features.windowed(agg, "x") == expected.replace("@", OVER)


@pytest.mark.parametrize(
    "agg",
    ["value", "sum(value", "sum(value))", "sum(value) -- (", "sum(value) /* a", "sum(1); drop", "(select sum(value))",
     "sum(value) over ()", "sum(lead(value))", "sum(rand())", "max(now() - time)", "sum(unix_timestamp())",
     "count(DISTINCT item_id)", "sum(value) FILTER (WHERE value > 0)", "collect_set(item_id)", "percentile(value, 0.5)",
     "sum(reflect('java.lang.System', 'exit', 1))", "sum(`value)"],
)  # fmt: skip
def test_what_cannot_run_along_is_refused_by_name(agg: str) -> None:
    with pytest.raises(ConfigError, match=r"C341(.|\n)*profile.features: mine"):
        own_features.windowed(agg, "profile.features: mine")


@pytest.mark.parametrize(
    ("agg", "code"),
    [("sum(price)", "C342"), ("sum(value) +", "C342"), ("sum(value) + median(value)", "C342"), ("max(item_id)", "C343"),
     ("max(time > 0)", "C343"), ("max(array(value))", "C343")],
)  # fmt: skip
def test_spark_is_asked_before_anything_runs(spark: Any, agg: str, code: str) -> None:
    frame = spark.createDataFrame([], SPLIT)
    with pytest.raises(ConfigError, match=rf"{code}(.|\n)*profile.features: mine"):
        own_features.columns(frame, [OwnFeature(name="mine", agg=agg)])


def test_what_is_no_number_counts_as_nothing(spark: Any) -> None:
    """Infinity, NaN, null: 0. And the last row's own columns are the last event's."""
    made = {"u": [{"item": "i", "type": "buy", "time": i, "value": v, "quantity": 1} for i, v in enumerate((5, 7, 0))]}
    aggs = ["max(cast('inf' as double))", "sum(cast('nan' as double))", "max(event_id) + 0",
            "-sum(cast('inf' as float))", "sum(value) + value", "try_divide(1, min(value))"]  # fmt: skip
    conf = ProfileConfig(features=[{"name": f"f{i}", "agg": a} for i, a in enumerate(aggs)])
    raw = {r.boundary: r.raw for r in profiles.raw(split(spark, made), windows(spark, made, 1), conf).collect()}
    assert raw[0] == [0.0] * 6
    assert raw[3] == [0, 0, 0, 0, 12, 0]
    assert raw[1] == [0, 0, 0, 0, 10, 0.2]
