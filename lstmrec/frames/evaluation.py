"""The parts of an evaluation in their order: what users did and which groups they are of, then every figure (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.blends import FITTED, JUDGED
from lstmrec.config.evaluate import EvaluateConfig, IpsConfig
from lstmrec.frames import diversity, exposure, metrics, targets
from lstmrec.frames.sums import Asked


def asked(conf: EvaluateConfig, serendipity: bool, clock: bool) -> Asked:
    """What the config wants measured. serendipity: there are popularity lists; clock: events have times."""
    kinds = [*(["repeat", "explore"] if conf.repeats else []), "item:cold", "item:warm"]
    kinds += ["item_age:new", "item_age:old"] if clock else []
    return Asked(tuple(conf.ks), conf.bootstrap, tuple(kinds), serendipity, conf.ips is not None)


def wanted(conf: EvaluateConfig, frames: Mapping[str, DataFrame], popular: str | None, seed: int | None = None
           ) -> DataFrame:  # fmt: skip
    """`targets.targets` with marks, weights and slices. frames: tables by name; popular: the popularity list's name;
    seed: tells the halves of the validation users apart, where weights of a blend are fitted on one."""
    s, ips = conf.slices, conf.ips or IpsConfig()
    known = targets.items(frames["split"], ips.power, ips.clip)
    lists = None if popular is None else frames["recommendations"].where(F.col("recommender") == popular)
    made = targets.marked(targets.targets(frames["split"]), known, lists, s.item_days)
    segments = targets.segments(frames["users"], s.segment, s.segments) if s.segment else None
    made = targets.sliced(made, s.history, s.user_days, segments)
    if seed is None:
        return made
    half = F.when(targets.fits(seed), FITTED).otherwise(JUDGED)
    slices = F.when(F.col("role") == "validation", F.array_append("slices", half)).otherwise(F.col("slices"))
    return made.withColumn("slices", slices)


def figures(conf: EvaluateConfig, means: DataFrame, judged: DataFrame, frames: Mapping[str, DataFrame], size: int,
            widths: Sequence[int], seed: int) -> DataFrame:  # fmt: skip
    """METRICS rows without protocol. judged: of `wanted`; size: rows of ENCODED_ITEMS, widths: of its vectors."""
    lists, catalogue = frames["recommendations"], frames["encoded_items"]
    out = metrics.intervals(means).unionByName(exposure.beyond(lists, catalogue, size, conf.ks))
    if conf.diversity_users:
        validation, test = (diversity.sample(judged, r, conf.diversity_users, seed) for r in targets.ROLES)
        out = out.unionByName(diversity.within(lists, validation.unionByName(test), catalogue, widths, conf.ks))
    return out


def told(rows: DataFrame, protocol: str, fitted: Sequence[str]) -> DataFrame:
    """METRICS rows with the protocol, which says of blends that were fitted on these users that they were."""
    own = F.col("recommender").isin(list(fitted)) & (F.col("role") == "validation") & (F.col("slice") != JUDGED)
    said = F.when(own, f"{protocol}; weights fitted on half of validation").otherwise(protocol)
    return rows.withColumn("protocol", said)
