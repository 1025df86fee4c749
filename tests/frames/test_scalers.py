"""Every scaler against plain Python over the same integers; the same under any spread; held-out rows change nothing."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import pytest

from lstmrec.config.normalise import NormaliseConfig, NumericRule
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.frames import scalers

FIXED = 1 << 20
SCHEMA = "count bigint, validation bigint, test bigint, numeric map<string,double>"
#: One feature a rule and kind of values; all of them are fitted in one go.
KINDS = {
    "small": lambda rng: rng.randrange(-40, 40) / 8,
    "skewed": lambda rng: float(int(rng.paretovariate(0.4) * 1000)),
    "huge": lambda rng: rng.choice([-1, 1]) * rng.randrange(1 << 48) / 1024,
    "constant": lambda rng: 7.25,
    "two": lambda rng: float(rng.randrange(2)),
}
RULES = {
    "zscore": NumericRule(), "robust": NumericRule(scale="robust"), "minmax": NumericRule(scale="minmax"),
    "bins": NumericRule(scale="bins", bins=7), "none": NumericRule(scale="none"),
    "zscore-clip": NumericRule(clip=(0.05, 0.9)), "minmax-clip": NumericRule(scale="minmax", clip=(0.1, 1.0)),
    "robust-clip": NumericRule(scale="robust", clip=(0.3, 0.7)),
}  # fmt: skip
WANTED = {f"{kind}/{rule}": RULES[rule] for kind in ("small", "huge") for rule in RULES}
WANTED |= {f"constant/{rule}": RULES[rule] for rule in ("zscore", "robust", "minmax", "bins")}
WANTED |= {f"{kind}/{rule}": RULES[rule] for kind in ("skewed", "two") for rule in ("robust", "bins", "minmax-clip")}


def rows(held: int = 0) -> list[dict[str, Any]]:
    """150 items; `held` changes those that no train event names."""
    rng, other = random.Random(3), random.Random(held)
    out = []
    for n in range(150):
        sold = n % 3 != 0
        mine = rng if sold else other
        numeric = {f: KINDS[f.split("/")[0]](mine) for f in WANTED if mine.random() < 0.9}
        if n == 1:
            numeric |= {"small/zscore": math.nan, "small/robust": math.inf, "two/robust": -math.inf}
        out.append({"count": n if sold else 0, "validation": mine.randrange(5), "test": 1, "numeric": numeric})
    return out


def fit(spark: Any, data: list[dict[str, Any]], parts: int) -> tuple[list[scalers.Scaler], list[Any]]:
    frame = spark.createDataFrame(data, SCHEMA).repartition(parts)
    bins = scalers.histogram(frame, WANTED)
    asked = sorted({q for rule in WANTED.values() for q in scalers.quantiles_of(rule)})
    found = {r["feature"]: dict(zip(asked, r["values"], strict=True)) for r in scalers.quantiles(bins, asked).collect()}
    sums = [r.asDict() for r in scalers.moments(bins, scalers.bounds(WANTED, found)).collect()]
    return scalers.fit(WANTED, sums, found), sorted(sums, key=lambda r: r["feature"])


def coarse(x: int) -> int:
    return x - x % (1 << max(abs(x).bit_length() - 16, 0))


def plain(name: str, rule: NumericRule, data: list[dict[str, Any]]) -> scalers.Scaler:
    """The scaler by sorting."""
    found = [r["numeric"][name] for r in data if r["count"] and math.isfinite(r["numeric"].get(name, math.nan))]
    xs = sorted(int(max(min(v, 1e9), -1e9) * FIXED) for v in found)
    n = len(xs)

    def quantile(p: Fraction) -> int:
        return coarse(xs[max(math.ceil(p * n), 1) - 1])

    low = high = None
    if rule.clip:
        low, high = (quantile(Fraction(round(p * 10**6), 10**6)) for p in rule.clip)
        xs = [min(max(x, low), high) for x in xs]
    held = {k: quantile(Fraction(k, 4)) for k in (1, 2, 3)}
    center, scale, edges = Fraction(0), 1.0, None
    if rule.scale == "zscore":
        center = Fraction(sum(xs), n)
        scale = math.sqrt(sum(Fraction(x) ** 2 for x in xs) / n - center**2) / FIXED
    elif rule.scale == "minmax":
        center, scale = Fraction(xs[0]), (xs[-1] - xs[0]) / FIXED
    elif rule.scale == "robust":
        center, scale = Fraction(held[2]), (held[3] - held[1]) / FIXED
    elif rule.scale == "bins":
        edges = tuple(e / FIXED for e in sorted({quantile(Fraction(k, rule.bins)) for k in range(1, rule.bins)}))
    ends = [None if v is None else v / FIXED for v in (low, high)]
    return scalers.Scaler(f"item:{name}", False, float(center / FIXED), scale or 1.0, n, rule.scale, *ends, edges)


@pytest.fixture(scope="module")
def once(spark: Any) -> Any:
    return fit(spark, rows(), 1)


def test_every_method_is_that_of_plain_python(once: Any) -> None:
    for mine in once[0]:
        assert mine == plain(mine.name, WANTED[mine.name], rows())
    assert [s.name for s in once[0]] == list(WANTED)


def test_spread_and_unsold_items_change_nothing(spark: Any, once: Any) -> None:
    for parts, held in ((3, 0), (7, 5)):
        mixed = rows(held)
        random.Random(parts).shuffle(mixed)
        assert fit(spark, mixed, parts) == once


def test_the_table_holds_them_exactly(spark: Any, once: Any) -> None:
    found = scalers.table(spark.range(1), once[0])
    assert [tuple(r) for r in found.collect()] == [s.row() for s in once[0]]
    assert found.columns == list(tables.SCALERS.names) and scalers.table(spark.range(1), []).collect() == []


def test_scaled_values(spark: Any, once: Any) -> None:
    """Not fitted ones too: cut, in the outermost bins, or missing."""
    values = [-2e9, -3.0, 0.0, 0.5, 1.0, 7.25, 100.0, 2e9, None, math.nan]
    frame = spark.createDataFrame([{"numeric": {} if v is None else dict.fromkeys(WANTED, v)} for v in values],
                                  "numeric map<string,double>")  # fmt: skip
    found = frame.coalesce(1).select(*[scalers.scaled(s).alias(f"c{n}") for n, s in enumerate(once[0])]).collect()
    for value, row in zip(values, found, strict=True):
        for s, mine in zip(once[0], row, strict=True):
            if value is None or math.isnan(value):
                assert mine is None
                continue
            x = max(min(value, 1e9), -1e9)
            if s.edges is not None:
                assert mine == sum(e <= x for e in s.edges) / len(s.edges)
            else:
                x = x if s.low is None else min(max(x, s.low), s.high)
                assert mine == pytest.approx((x - s.center) / s.scale, rel=1e-12, abs=1e-12)


def test_log_comes_first(spark: Any) -> None:
    wanted = {"x": NumericRule(log=True, clip=(0.0, 0.5)), "y": NumericRule(log=True, scale="none")}
    data = [{"count": 1, "validation": 0, "test": 0, "numeric": {"x": v, "y": v}} for v in (-5.0, 0.0, 3.0, 7.0, 80.0)]
    bins = scalers.histogram(spark.createDataFrame(data, SCHEMA), wanted)
    asked = scalers.quantiles_of(wanted["x"])
    found = {r["feature"]: dict(zip(asked, r["values"], strict=True)) for r in scalers.quantiles(bins, asked).collect()}
    x, y = scalers.fit(wanted, scalers.moments(bins, scalers.bounds(wanted, found)).collect(), found)
    assert (x.low, x.high, x.log) == (0.0, pytest.approx(math.log(4), rel=1e-4), True)
    assert x.center == pytest.approx(3 / 5 * math.log(4), rel=1e-4)
    row = bins.sparkSession.createDataFrame([{"numeric": {"y": 6.5}}], "numeric map<string,double>")
    assert row.select(scalers.scaled(y)).first()[0] == pytest.approx(math.log1p(6.5), abs=1e-6)


def test_constant_absent_and_cut_numbers_are_told(once: Any) -> None:
    wanted = {**WANTED, "nowhere": NumericRule()}
    left_out, warned = scalers.told(wanted, *once)
    assert left_out == ["nowhere"] and scalers.fit({"nowhere": NumericRule()}, once[1], {}) == []
    assert {w for w in warned if "constant/" in w} == {f"{n} is constant" for n in WANTED if "constant/" in n}
    assert {s.scale for s in once[0] if s.name.startswith("constant/")} == {1.0}
    sums = [{"feature": "a", "n": 1, "s": 0, "q": 0, "low": 0, "high": 10**9 * FIXED}]
    fitted = scalers.fit({"a": NumericRule(scale="none")}, sums, {})
    assert scalers.told({"a": NumericRule()}, fitted, sums)[1] == ["a has values beyond 1,000,000,000, which are cut"]


def test_a_rule_of_no_feature_is_refused() -> None:
    conf = NormaliseConfig(numeric={"prise": NumericRule(log=True)}, default=NumericRule(scale="robust"))
    with pytest.raises(ConfigError, match=r"C331.*prise"):
        scalers.rules(["price"], conf)
    named = NormaliseConfig(numeric={"price": NumericRule(log=True)}, default=NumericRule(scale="robust"))
    assert scalers.rules(["price", "size"], named) == {
        "price": NumericRule(log=True), "size": NumericRule(scale="robust")
    }  # fmt: skip
