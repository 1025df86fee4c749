"""DRIVER side: each recommender's lists for each role, all under the same filters. No torch, and no action of its own:
whatever reads, writes or counts is handed in by the job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config import blends
from lstmrec.config.run import Config
from lstmrec.contracts.manifest import digest
from lstmrec.frames import filters
from lstmrec.scoring import reasons, roles, udf
from lstmrec.scoring.options import Options
from lstmrec.scoring.states import States


@dataclass(frozen=True)
class Hands:
    """What the job lends: materialise(frame, name) -> frame read back; kept(make, ddl, name, rows) -> the rows of all
    buckets (`store.buckets`); empty(frame); kinds: kind -> recommender; shown: `recommenders.lists.Shown`; fallback:
    `recommenders.fallback.score`; lent: what recommenders ask for by name (`store.lent`), told: what came of it."""

    materialise: Callable[[DataFrame, str], DataFrame]
    kept: Callable[[Callable[[int, int], DataFrame], str, str, int], DataFrame]
    empty: Callable[[DataFrame], bool]
    kinds: Mapping[str, Any]
    shown: Callable[..., Any]
    fallback: Callable[..., DataFrame]
    lent: Mapping[str, Any]
    told: Mapping[str, Any]


@dataclass(frozen=True)
class Fill:
    """Who is to be filled, with what. split, encoded, sequences, people (USERS): tables; users: what `roles.users`
    makes; ends: role -> its cut, where it has one; rows: role -> SEQUENCES rows; asked: what `store.asked` found;
    bundle, history: digests of the model and of the split. states: in carry modes, what users' states are made with.
    reasoned: the worker's lists by `recommender-role`, where it gave reasons. seconds: entry -> what its fit and its
    lists of each role took."""

    conf: Config
    split: DataFrame
    encoded: DataFrame
    sequences: DataFrame
    people: DataFrame
    users: DataFrame
    ends: Mapping[str, int | None]
    rows: Mapping[str, int]
    asked: Any
    options: Options
    bundle: str
    history: str
    hands: Hands
    states: States | None = None
    reasoned: dict[str, DataFrame] = field(default_factory=dict)
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)

    def parts(self) -> Iterator[DataFrame]:
        """RECOMMENDATIONS rows by recommender and role. Those of rules are written down; the model's lie in buckets.
        What a blend is made of is written down as deep as the blend looks."""
        entries = self.conf.score.recommenders
        depths, inner = blends.depths(entries, self.conf.score.k), blends.parts(entries)
        deep: dict[str, dict[str, DataFrame]] = {name: {} for name in inner}
        for entry in blends.in_order(entries):
            with self.timed(entry.name, "fit"):
                fitted = self.fitted(entry, deep)
            for role in self.conf.score.roles:
                with self.timed(entry.name, role):
                    made = self.written(entry, role, fitted, depths[entry.name], deep.get(entry.name))
                yield made

    def written(self, entry: Any, role: str, fitted: Mapping[str, DataFrame], depth: int,
                deep: dict[str, DataFrame] | None) -> DataFrame:  # fmt: skip
        """RECOMMENDATIONS rows of one recommender in one role. deep: where its lists of `depth` go, without pins."""
        conf, k = self.conf, self.conf.score.k
        made, mark = self.lists(entry, role, fitted, depth)
        there = self.hands.kinds.get(entry.kind) is None or deep is not None
        if deep is not None:
            made = deep[role] = self.hands.materialise(made, f"{entry.name}-{role}-deep")
            made = made.withColumn("items", F.slice("items", 1, k))
        made = filters.with_pins(made, self.asked.pins, self.asked.whom, k)
        who = self.users.where(self.users["role"] == role)
        made = roles.rows(made, who, entry.name, role, mark, conf.as_of_us, conf.variants)
        return made if there else self.hands.materialise(made, f"{entry.name}-{role}")

    @contextmanager
    def timed(self, name: str, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds.setdefault(name, {})[what] = round(time.monotonic() - started, 3)

    def fitted(self, entry: Any, deep: Mapping[str, Mapping[str, DataFrame]]) -> dict[str, DataFrame]:
        """What a recommender fits on train rows and the tables and hands that it asks for (`WANTS`), written down."""
        kind = self.hands.kinds.get(entry.kind)
        if kind is None:
            return {}
        every = {"encoded": self.encoded, "people": self.people, "split": self.split, "seed": self.conf.seed,
                 "parts": deep, **self.hands.lent}  # fmt: skip
        beside = {name: every[name] for name in getattr(kind, "WANTS", ())}
        found = kind.fit(self.split.where("role = 'train'"), entry, **beside)
        there = getattr(kind, "GIVEN", ())
        return {name: frame if name in there else self.hands.materialise(frame, f"{entry.name}-fitted-{name}")
                for name, frame in found.items()}  # fmt: skip

    def lists(self, entry: Any, role: str, fitted: Mapping[str, DataFrame], k: int) -> tuple[DataFrame, str]:
        """(user_id, items, reason: lists of k before any pin; the digest of what made them)."""
        conf, kind = self.conf, self.hands.kinds.get(entry.kind)
        who, past = self.users.where(self.users["role"] == role), roles.history(self.split, role)
        shown = self.hands.shown(conf.score.filters.hides(conf.sequence.history), self.asked.rules,
                                 self.asked.whom, self.asked.most, self.ends.get(role))  # fmt: skip
        if kind is None:
            return self.by_model(entry.name, role, who, past, shown, k), self.bundle
        cut = self.ends.get(role) or (conf.as_of_us if conf.has_clock else None)
        told = [self.hands.told[entry.name]] if entry.name in self.hands.told else []
        made = kind.score(who, past, fitted, entry, cut, k, shown)
        return made, digest([entry.model_dump(mode="json"), self.history, *told])

    def by_model(self, name: str, role: str, who: DataFrame, past: DataFrame, shown: Any, k: int) -> DataFrame:
        """user_id, items, reason, history: the net's lists, and the fallback's for whom it has no rung."""
        conf = self.conf.score.ladder
        if self.states is None:
            made = roles.ladder(reasons.carried(self.by_windows(name, role, past, shown, k)), who, conf)
            low = made.where("reason IS NULL")
        else:
            made = self.states.lists(f"{name}-{role}", role, past).withColumn("reason", roles.rung(conf))
            low = who.select("user_id", "history", roles.rung(conf)).where("reason IS NULL")
        if self.hands.empty(low):
            return made
        # The model shows the catalogue alone, and so does what stands in for it.
        train = self.split.where("role = 'train'").join(self.encoded.select("item_id"), "item_id", "left_semi")
        rest = self.hands.fallback(low.select("user_id"), train, past, self.asked.values, k, shown)
        rest = rest.join(low.select("user_id", "history"), "user_id", "inner")
        return made.where("reason IS NOT NULL").unionByName(rest, allowMissingColumns=True)

    def by_windows(self, name: str, role: str, past: DataFrame, shown: Any, k: int) -> DataFrame:
        """`udf.recommend` of the last events of everybody, bucket by bucket."""
        hidden = filters.hidden_lists(past, self.encoded, shown.seen, shown.cut_us,
                                      self.conf.sequence.history == "filter")  # fmt: skip
        if hidden is not None:
            hidden = self.hands.materialise(hidden, f"{name}-{role}-hidden")
        mine = self.sequences.where(self.sequences["role"] == role)

        def bucket(number: int, many: int) -> DataFrame:
            some = roles.beside(roles.bucket(mine, number, many), hidden, self.asked.whom)
            return udf.recommend(some, replace(self.options, k=k))

        made = self.hands.kept(bucket, udf.lists_ddl(self.options), f"{name}-{role}", self.rows[role])
        if self.options.because[0]:
            self.reasoned[f"{name}-{role}"] = made
        return made
