"""The whole config of a run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, field_validator, model_validator

from lstmrec.config import blends, variants
from lstmrec.config.base import Section
from lstmrec.config.clean import CleanConfig
from lstmrec.config.erase import EraseConfig
from lstmrec.config.evaluate import EvaluateConfig, ReportConfig
from lstmrec.config.flow import DailyConfig, Flow, without_holdout
from lstmrec.config.normalise import NormaliseConfig
from lstmrec.config.operate import OperateConfig
from lstmrec.config.profile import ProfileConfig
from lstmrec.config.publish import PublishConfig
from lstmrec.config.score import CandidatesConfig, ScoreConfig
from lstmrec.config.sequence import SequenceConfig
from lstmrec.config.split import SplitConfig, instant_us
from lstmrec.config.train import TrainConfig
from lstmrec.config.variants import Variants

#: Keys that jobs name one by one and that came after 0.1: no part of a skip key where they stand at their default.
LATER = {"sequence.train_windows", "train.new_users", "train.position_power"}


class Config(Section):
    """A run: where it writes, what counts as now, and a section a job."""

    root: str = Field(description="folder of the run's tables; never inside a source")
    as_of: str = Field(description="the UTC instant that counts as now, e.g. 2018-01-01T00:00:00Z")
    seed: int = Field(1, ge=0, description="every hash and every random choice starts here")
    flow: Flow = Field(
        "evaluate", description="evaluate: s1 to s9 with a hold-out. refit: the same on every event, for as many "
        "steps as the evaluated bundle's best epoch took. daily: what is new, by what the bundle was fitted with"
    )  # fmt: skip
    clean: CleanConfig
    split: SplitConfig = SplitConfig()
    normalise: NormaliseConfig = NormaliseConfig()
    profile: ProfileConfig = ProfileConfig()
    sequence: SequenceConfig = SequenceConfig()
    train: TrainConfig = TrainConfig()
    score: ScoreConfig = ScoreConfig()
    variants: Variants | None = Field(None, description="an experiment over the served users; null: none")
    candidates: CandidatesConfig = CandidatesConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    report: ReportConfig = ReportConfig()
    publish: PublishConfig = PublishConfig()
    operate: OperateConfig = OperateConfig()
    daily: DailyConfig = DailyConfig()
    erase: EraseConfig = EraseConfig()

    @field_validator("as_of")
    @classmethod
    def _an_instant(cls, value: str) -> str:
        try:
            instant = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError as error:
            raise ValueError(f"as_of is no instant: {value!r}; write 2018-01-01T00:00:00Z") from error
        if instant.tzinfo is None:
            raise ValueError(f"as_of has no zone: {value!r}; write {value}Z for UTC")
        if not 1 < instant.year < 9999:  # at the very ends a zone leads out of the calendar
            raise ValueError(f"as_of is out of any log: {value!r}")
        return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")

    @field_validator("root")
    @classmethod
    def _a_plain_folder(cls, value: str) -> str:
        parts = value.split("://", 1)[-1].split("/")
        if not value or re.search(r"[*?\[\]{}#%\\\0\n]", value) or ".." in parts or value.startswith("-"):
            raise ValueError(f"root {value!r}: no glob characters, '#', '%', '..' or leading '-'")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _parts_agree(self) -> Config:
        if (self.flow == "evaluate") == (self.split.by == "nothing"):
            raise ValueError(f"split.by: {self.split.by} and flow: {self.flow} do not go together")
        clock = self.clean.events.time is not None
        asks = []
        if self.split.by == "time":
            asks.append("split.by: time")
        if self.train.model.use_time:
            asks.append("train.model.use_time")
        if self.train.recency_days is not None:
            asks.append("train.recency_days")
        if self.sequence.objective == "next_days":
            asks.append("sequence.objective: next_days")
        if self.sequence.history == "learn":
            asks.append("sequence.history: learn")
        asks += self.profile.needs_clock
        asks += ["publish.max_quiet_days"] if self.publish.max_quiet_days else []
        for r in self.score.recommenders:
            if any(getattr(r, name, None) is not None for name in ("days", "half_life_days", "gap_hours")):
                asks.append(f"score.recommenders: {r.name}")
        if isinstance(self.score.filters.seen, int):
            asks.append("score.filters.seen")
        if asks and not clock:
            raise ValueError(f"clean.events.time is null, so nothing may ask for a clock: {', '.join(asks)}")
        if not clock and self.clean.events.position is None:
            raise ValueError("clean.events needs time or position: events must have an order")
        if "vectors" in self.train.model.inputs and not (self.clean.items and self.clean.items.vectors):
            raise ValueError("train.model.inputs has vectors, and clean.items.vectors names none")
        if self.train.batch % self.train.shards:
            raise ValueError(f"train.batch {self.train.batch} is no multiple of train.shards {self.train.shards}")
        if self.root in (t.rstrip("/") for t in self.train.teacher.bundles):
            raise ValueError("train.teacher.bundles: of this run's own root name a version, ROOT#VERSION: its newest "
                             "bundle is the one that is taught")  # fmt: skip
        if self.train.init_from and self.train.init_from.rstrip("/") == self.root:
            raise ValueError("train.init_from: of this run's own root name a version, ROOT#VERSION: its newest bundle "
                             "is the one that is trained")  # fmt: skip
        if self.train.launch != "solo" and self.train.shards % self.train.ranks:
            fits = [n for n in range(1, self.train.shards + 1) if self.train.shards % n == 0]
            raise ValueError(f"train.ranks {self.train.ranks} does not divide train.shards {self.train.shards}: "
                             f"use one of {fits}")  # fmt: skip
        absent = sorted(set(self.score.roles) - set(self.sequence.roles))
        if absent:
            raise ValueError(f"score.roles {absent} have no sequences: sequence.roles is {self.sequence.roles}")
        if max(self.evaluate.ks) > self.score.k:
            raise ValueError(f"evaluate.ks {self.evaluate.ks} asks for longer lists than score.k {self.score.k}")
        self._can_carry()
        names = [r.name for r in self.score.recommenders]
        if len(set(names)) < len(names) or any(not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", n) for n in names):
            raise ValueError(f"score.recommenders: names must be distinct, [a-z][a-z0-9_]*: {names}")
        if strangers := sorted(set(self.candidates.recommenders or []) - set(names)):
            raise ValueError(f"candidates.recommenders {strangers} are none of score.recommenders: {names}")
        blends.check(self.score, self.root)
        variants.check(self.variants, names, self.score.roles, self.evaluate.bootstrap)
        if self.evaluate.baseline not in {*names, "model"}:
            raise ValueError(f"evaluate.baseline {self.evaluate.baseline} is none of score.recommenders: {names}")
        return self

    def _can_carry(self) -> None:
        """What carry modes exclude: whatever moves a list without a new event."""
        s = self.score
        if s.mode == "windows":
            return
        if self.sequence.history == "learn":
            raise ValueError(f"score.mode {s.mode}: with sequence.history: learn scores of own items decay every day")
        if self.train.model.attention:
            raise ValueError(
                f"score.mode {s.mode}: train.model.attention looks back at every event: no state holds them"
            )
        if isinstance(s.filters.seen, int):
            raise ValueError(f"score.mode {s.mode}: score.filters.seen of N days moves every day: history or none")
        if s.because is not None:
            raise ValueError(f"score.mode {s.mode}: score.because leaves events out of windows: use windows")
        if s.filters.per_tag:
            raise ValueError(f"score.mode {s.mode}: score.filters.per_tag needs whole lists: use windows")
        if s.mode == "update" and s.roles != ["serve"]:
            raise ValueError(
                f"score.mode update goes on from what was served: --set score.roles=[serve], not {s.roles}"
            )

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_flow(cls, data: Any, handler: Any) -> Config:
        """A config says what `evaluate` does; refit and daily are derived from it, once it is known to be sound."""
        if isinstance(data, dict) and (flow := data.get("flow", "evaluate")) in ("refit", "daily"):
            by = data.get("split", {}).get("by") if isinstance(data.get("split", {}), dict) else None
            if by != "nothing":
                plain: Config = handler(data | {"flow": "evaluate"})
                data = without_holdout(plain.model_dump(mode="json"), flow) | {"flow": flow}
        made: Config = handler(data)
        return made

    @property
    def as_of_us(self) -> int:
        """`as_of` in microseconds since 1970 UTC."""
        return instant_us(self.as_of)

    @property
    def has_clock(self) -> bool:
        """False where events have an order but no time."""
        return self.clean.events.time is not None

    def section(self, *names: str) -> dict[str, Any]:
        """Parts of the config as plain data: what a job's manifest holds. `a.b` names a nested key."""
        return {name: _at(self.model_dump(mode="json"), name) for name in names}

    def chosen(self, *names: str) -> dict[str, Any]:
        """The same parts without what stands at its default: what a job's skip key holds, so that a new option makes
        nothing stale. A default that changes moves the VERSION of the jobs it touches (tests/golden/defaults.json)."""
        found = {name: _at(self.model_dump(mode="json", exclude_defaults=True), name) for name in names}
        return {name: value for name, value in found.items() if value is not None or name not in LATER}


def _at(data: Any, name: str) -> Any:
    """data["a"]["b"] of `a.b`, null where there is none."""
    for key in name.split("."):
        data = data.get(key) if data else None
    return data
