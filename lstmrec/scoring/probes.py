"""DRIVER side: the bundle on disturbed histories, and what became of the figures. Pure frames and plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.sequence import SequenceConfig
from lstmrec.contracts import tables
from lstmrec.contracts.ids import FIRST
from lstmrec.frames import affinity, disturbed, metrics, profiles, sequences, targets, windows
from lstmrec.frames.disturbed import BASE, LONG, WHOLE, Probe
from lstmrec.frames.sums import Asked
from lstmrec.scoring import udf
from lstmrec.scoring.bench import Bench

MODEL, POPULARITY, PROFILE = "model", "popularity", "profile"


def walk(b: Bench, k: int) -> list[dict[str, Any]]:
    """Score the sampled users again with each disturbed history, and judge: a row a probe, see `figures`; none where
    the config asks for none."""
    asked, seed = b.conf.evaluate.probes, b.conf.seed
    if asked is None:
        return []
    chosen = disturbed.probes(asked)
    who = F.broadcast(b.keep(disturbed.sample(b.frames["split"], asked.users, seed), "probe-users"))
    of = b.keep(b.frames["split"].join(who, "user_id", "left_semi"), "probe-split")
    longest = b.conf.sequence.max_length
    split = b.keep(disturbed.split(of, b.frames["encoded_items"], b.items, chosen, longest, seed), "probe-dirty")
    users = disturbed.users(b.frames["encoded_users"].join(who, "user_id", "left_semi"), chosen)
    made = b.keep(_sequences(b, split, users, asked.whole_length if asked.whole else None), "probe-sequences")
    rungs = made.select("user_id").where(_rung(disturbed.probe_of("user_id")))
    people = disturbed.users(b.frames["users"].join(who, "user_id", "left_semi"), chosen)
    people = b.frames["users"].unionByName(people)
    every, own = _past(b.frames["split"]), _past(split)
    plain = {name: lists(rungs, every, own, people) for name, lists in b.plain.items()}
    lists = b.keep(_together({MODEL: udf.recommend(made, b.options), **plain}), "probe-lists")
    judged = _judged(lists, of, chosen, list(plain), seed)
    means = metrics.resampled(judged, Asked((k,), b.conf.evaluate.bootstrap))
    drawn, shared = b.rows(means.where("slice = 'all'")), b.rows(_overlap(lists))
    return figures([r.asDict() for r in drawn], [r.asDict() for r in shared], chosen, k)


def _sequences(b: Bench, split: DataFrame, users: DataFrame, longest: int | None) -> DataFrame:
    """SEQUENCES rows of the role test, by the frames of s4 and s5, nothing fitted anew. longest: when fed whole."""
    conf, fitted = b.conf, [profiles.Scaler(*s) for s in b.known["user_profiles"].facts["scalers"]]
    tags = sum(s.name.startswith("tag:") for s in fitted)
    masks = affinity.masks(b.frames["encoded_items"], range(FIRST, FIRST + tags)) if tags else None
    histories = sequences.histories(split, b.frames["encoded_items"], b.frames["vocabulary"])
    histories = b.keep(histories, "probe-histories")
    whole = F.col("user_id").startswith(WHOLE)
    lengths = [(~whole, None), *([(whole, longest)] if longest else [])]
    parts: list[DataFrame] = []
    for mine, length in lengths:
        s, events = _sized(conf.sequence, length), split.where(mine)
        placed = windows.windows(events, users.where(mine), s, conf.seed).drop("short")
        placed = b.keep(placed, f"probe-windows-{len(parts)}")
        known = profiles.encode(profiles.raw(events, placed, conf.profile, masks, tags), fitted)
        rows = sequences.sequences(placed, histories, users, known, b.frames["cuts"], s, conf.seed,
                                   clock=conf.has_clock)  # fmt: skip
        parts.append(sequences.padded(len(s.half_lives_days))(rows.withColumn("file", F.lit(0))))
    return parts[0].unionByName(parts[1]) if len(parts) > 1 else parts[0]


def _past(split: DataFrame) -> DataFrame:
    return split.where(F.col("role").isin(*tables.HISTORY["test"]))


def _sized(conf: SequenceConfig, length: int | None) -> SequenceConfig:
    """The sequence section for test windows, of another length if any."""
    changed: dict[str, Any] = {"roles": ["test"]}
    if length is not None:
        changed |= {"max_length": length, "classes": [c for c in (*conf.classes, conf.max_length, 512, 1024)
                                                      if c < length]}  # fmt: skip
    return conf.model_copy(update=changed)


def _together(frames: Mapping[str, DataFrame]) -> DataFrame:
    """recommender ("model|probe"), role, user_id, items of the lists of disturbed users; plain ones for the rungs."""
    parts = []
    for name, frame in frames.items():
        back = disturbed.told(frame.select("user_id", "items"))
        parts.append(back.select(F.concat(F.lit(f"{name}|"), "probe").alias("recommender"), F.lit("test").alias("role"),
                                 "user_id", "items"))  # fmt: skip
    return reduce(DataFrame.unionByName, parts)


def _rung(probe: Column) -> Column:
    """Whether a probe is a rung: the history as it is, or its first events."""
    return (probe == BASE) | probe.startswith("first ")


def _overlap(lists: DataFrame) -> DataFrame:
    """recommender, shared, items: how many items of a user's list stand in the list of the undisturbed history too."""
    mine = F.col("items.item_id")
    base = lists.where(F.col("recommender") == f"{MODEL}|{BASE}").select("user_id", mine.alias("base"))
    both = lists.where(F.col("recommender").startswith(MODEL)).join(base, "user_id", "inner")
    shared = F.size(F.array_intersect(mine, F.col("base")))
    return both.groupBy("recommender").agg(F.sum(shared).alias("shared"), F.sum(F.size("items")).alias("items"))


def _judged(lists: DataFrame, split: DataFrame, chosen: Sequence[Probe], plain: Sequence[str], seed: int
            ) -> DataFrame:  # fmt: skip
    """`metrics.judged` of these lists. split: SPLIT rows of the sampled users, undisturbed.

    Probes of long histories have fewer users: others have no list there and are left out, not missed.
    """
    names = [(f"{MODEL}|{p.name}", "test") for p in chosen]
    names += [(f"{name}|{p.name}", "test") for name in plain for p in chosen if p.kind in ("keep", "first")]
    rows = metrics.judged(lists, targets.targets(split), names, seed)
    return rows.where(~(F.col("recommender").endswith(LONG) | F.col("recommender").endswith(WHOLE)) | ~F.col("missing"))


def figures(means: Sequence[Mapping[str, Any]], shared: Sequence[Mapping[str, Any]], chosen: Sequence[Probe], k: int
            ) -> list[dict[str, Any]]:  # fmt: skip
    """A row a probe: NDCG and HR of the model with intervals, and the paired gap to what it is held against; for rungs
    also the gap to what users of the same profile have, where there is such a list (else null).

    means: rows of `metrics.resampled`, resample 0 as it is. Rungs are held against popularity with as little known,
    long histories fed whole against their last window, all else against the undisturbed history.
    """
    drawn: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in means:
        if row["slice"] == "all":
            drawn.setdefault(str(row["recommender"]), {})[int(row["resample"])] = row
    same = {str(r["recommender"]): int(r["shared"]) / max(int(r["items"]), 1) for r in shared}
    out = []
    for probe in chosen:
        mine = drawn.get(f"{MODEL}|{probe.name}")
        if mine is None:  # nobody has so long a history
            continue
        other = {"first": f"{POPULARITY}|{probe.name}", "keep": f"{POPULARITY}|{BASE}"}.get(probe.kind)
        other = other or f"{MODEL}|{LONG if probe.name == WHOLE else BASE}"
        gap = probe.kind != "long" or probe.name == WHOLE  # the last window of long histories is what whole is held to
        row = {"probe": probe.name, "users": int(mine[0]["users"]), "overlap": same.get(f"{MODEL}|{probe.name}"),
               "against": other.replace("|", ", ") if gap else None}  # fmt: skip
        for metric in (f"ndcg_{k}", f"hr_{k}"):
            row[metric] = _bounds({i: r[metric] for i, r in mine.items()})
        theirs = drawn.get(other, {})
        row["gap"] = _less(mine, theirs if gap else {}, k)
        row["gap_profile"] = _less(mine, drawn.get(f"{PROFILE}|{probe.name}", {}), k)
        out.append(row)
    return out


def _less(mine: Mapping[int, Mapping[str, Any]], theirs: Mapping[int, Mapping[str, Any]], k: int
          ) -> list[float] | None:  # fmt: skip
    """`_bounds` of the NDCG of the one minus that of the other."""
    return _bounds({i: r[f"ndcg_{k}"] - theirs[i][f"ndcg_{k}"] for i, r in mine.items() if i in theirs})


def _bounds(drawn: Mapping[int, float]) -> list[float] | None:
    """[value, low, high] of the value (resample 0) and its resamples: 2.5 % and 97.5 % of them."""
    if 0 not in drawn:
        return None
    rest = [v for i, v in drawn.items() if i] or [drawn[0]]
    low, high = np.percentile(rest, [2.5, 97.5])
    return [float(drawn[0]), float(low), float(high)]
