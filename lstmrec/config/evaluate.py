"""s8_evaluate and s9_report."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lstmrec.config.base import Section


class ProbesConfig(Section):
    """How the bundle takes short and dirty histories: test users scored again, with their histories disturbed."""

    users: int = Field(2000, ge=1, description="test users, by hash")
    first: list[int] = Field([0, 1, 2, 4, 8], description="only so many first events are known; beside popularity")
    drop: list[float] = Field([0.1, 0.3], description="shares of the events left out at random")
    inject: list[float] = Field([0.1], description="shares of the events followed by one of a random item")
    double: bool = Field(True, description="every event twice, as if s1 had not removed duplicates")
    whole: bool = Field(True, description="histories longer than sequence.max_length fed whole")
    whole_length: int = Field(2048, ge=2, description="as far as this")


class EvaluateConfig(Section):
    """Ranking metrics."""

    ks: list[int] = Field([10], min_length=1, description="list lengths; the longest at most score.k")
    bootstrap: int = Field(500, ge=0, description="resamples of the intervals")
    repeats: bool = Field(False, description="report targets the user had before and new ones apart")
    probes: ProbesConfig | None = Field(None, description="how the model takes short and dirty histories; null: skip")
    cold_items: bool = Field(False, description="how the model ranks items it was not trained on (split.items holds "
                             "some out), beside newest, most popular and chance")  # fmt: skip


class ReportConfig(Section):
    """The page."""

    users: int = Field(3, ge=0, description="example users")
    ids: Literal["off", "hashed", "open"] = Field("hashed", description="how example users are named")
    show_user: str | None = Field(None, description="the user whose list the end of a run prints; null: one by hash")
