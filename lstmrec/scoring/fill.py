"""DRIVER side: each recommender's lists for each role, all under the same filters. No torch, and no action of its own:
whatever reads, writes or counts is handed in by the job."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame

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
    `recommenders.fallback.score`."""

    materialise: Callable[[DataFrame, str], DataFrame]
    kept: Callable[[Callable[[int, int], DataFrame], str, str, int], DataFrame]
    empty: Callable[[DataFrame], bool]
    kinds: Mapping[str, Any]
    shown: Callable[..., Any]
    fallback: Callable[..., DataFrame]


@dataclass(frozen=True)
class Fill:
    """Who is to be filled, with what. split, encoded, sequences, people (USERS): tables; users: what `roles.users`
    makes; ends: role -> its cut, where it has one; rows: role -> SEQUENCES rows; asked: what `store.asked` found;
    bundle, history: digests of the model and of the split. states: in carry modes, what users' states are made with.
    reasoned: the worker's lists by `recommender-role`, where it gave reasons."""

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

    def parts(self) -> Iterator[DataFrame]:
        """RECOMMENDATIONS rows by recommender and role. Those of rules are written down; the model's lie in buckets."""
        conf, k = self.conf, self.conf.score.k
        train = self.split.where("role = 'train'")
        for entry in conf.score.recommenders:
            kind = self.hands.kinds.get(entry.kind)
            fitted = {} if kind is None else {
                name: self.hands.materialise(frame, f"{entry.name}-fitted-{name}")
                for name, frame in kind.fit(train, entry, **self.beside(kind)).items()
            }  # fmt: skip
            for role in conf.score.roles:
                who, past = self.users.where(self.users["role"] == role), roles.history(self.split, role)
                shown = self.hands.shown(conf.score.filters.hides(conf.sequence.history), self.asked.rules,
                                         self.asked.whom, self.asked.most, self.ends.get(role))  # fmt: skip
                if kind is None:
                    made, mark = self.by_model(entry.name, role, who, past, train, shown), self.bundle
                else:
                    cut = self.ends.get(role) or (conf.as_of_us if conf.has_clock else None)
                    made = kind.score(who, past, fitted, entry, cut, k, shown)
                    mark = digest([entry.model_dump(mode="json"), self.history])
                made = filters.with_pins(made, self.asked.pins, self.asked.whom, k)
                made = roles.rows(made, who, entry.name, role, mark, conf.as_of_us)
                yield made if kind is None else self.hands.materialise(made, f"{entry.name}-{role}")

    def beside(self, kind: Any) -> dict[str, DataFrame]:
        """The tables that a recommender asks for beside the events."""
        every = {"encoded": self.encoded, "people": self.people}
        return {name: every[name] for name in getattr(kind, "WANTS", ())}

    def by_model(self, name: str, role: str, who: DataFrame, past: DataFrame, train: DataFrame, shown: Any
                 ) -> DataFrame:  # fmt: skip
        """user_id, items, reason: the net's lists, and the fallback's for whom it has no rung."""
        conf = self.conf.score.ladder
        if self.states is None:
            made = roles.ladder(reasons.carried(self.by_windows(name, role, past, shown)), who, conf)
            low = made.where("reason IS NULL")
        else:
            made = roles.ladder(self.states.lists(f"{name}-{role}", who, past, role == "serve"), who, conf)
            low = roles.ladder(self.states.known(who), who, conf).where("reason IS NULL")
        if self.hands.empty(low):
            return made
        # The model shows the catalogue alone, and so does what stands in for it.
        train = train.join(self.encoded.select("item_id"), "item_id", "left_semi")
        rest = self.hands.fallback(low, train, past, self.asked.values, self.conf.score.k, shown)
        return made.where("reason IS NOT NULL").unionByName(rest, allowMissingColumns=True)

    def by_windows(self, name: str, role: str, past: DataFrame, shown: Any) -> DataFrame:
        """`udf.recommend` of the last events of everybody, bucket by bucket."""
        hidden = filters.hidden_lists(past, self.encoded, shown.seen, shown.cut_us,
                                      self.conf.sequence.history == "filter")  # fmt: skip
        if hidden is not None:
            hidden = self.hands.materialise(hidden, f"{name}-{role}-hidden")
        mine = self.sequences.where(self.sequences["role"] == role)

        def bucket(number: int, many: int) -> DataFrame:
            some = roles.beside(roles.bucket(mine, number, many), hidden, self.asked.whom)
            return udf.recommend(some, self.options)

        made = self.hands.kept(bucket, udf.lists_ddl(self.options), f"{name}-{role}", self.rows[role])
        if self.options.because[0]:
            self.reasoned[f"{name}-{role}"] = made
        return made
