"""Numeric features and vectors of the catalogue fitted: a pass over the items each, a few rows on the driver."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame

from lstmrec.config.normalise import NormaliseConfig
from lstmrec.frames import drift, scalers, vectors
from lstmrec.store import collect
from lstmrec.store.work import Desk


@dataclass(frozen=True)
class Numbers:
    """scalers of the features that a train item has; dropped: the names of the others; warned: what to know of them;
    bins: rows of `drift.of_numbers`."""

    scalers: list[scalers.Scaler] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    bins: list[dict[str, Any]] = field(default_factory=list)


def fit(catalogue: DataFrame, names: Sequence[str], conf: NormaliseConfig, d: Desk) -> Numbers:
    """Fit the named features of a catalogue; ConfigError C331 for a rule of none of them."""
    wanted = scalers.rules(names, conf)
    if not wanted:
        return Numbers()
    bins = d.materialise(scalers.histogram(catalogue, wanted), "histogram")
    asked = sorted({q for rule in wanted.values() for q in scalers.quantiles_of(rule)})
    rows = _dicts(scalers.quantiles(bins, asked)) if asked else []
    quantiles = {r["feature"]: dict(zip(asked, r["values"], strict=True)) for r in rows}
    sums = _dicts(scalers.moments(bins, scalers.bounds(wanted, quantiles)))
    fitted = scalers.fit(wanted, sums, quantiles)
    dropped, warned = scalers.told(wanted, fitted, sums)
    return Numbers(fitted, dropped, warned, _dicts(drift.of_numbers(bins)) if conf.drift else [])


def widths(catalogue: DataFrame, names: Collection[str]) -> list[vectors.Vector]:
    """How long the named vectors of a catalogue are."""
    return vectors.fit(names, _dicts(vectors.lengths(catalogue)) if names else [])


def _dicts(frame: DataFrame) -> list[dict[str, Any]]:
    return [r.asDict() for r in collect.rows(frame)]
