"""s8_evaluate and s9_report."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lstmrec.config.base import Section


class EvaluateConfig(Section):
    """Ranking metrics."""

    ks: list[int] = Field([10], min_length=1, description="list lengths; the longest at most score.k")
    bootstrap: int = Field(500, ge=0, description="resamples of the intervals")
    repeats: bool = Field(False, description="report targets the user had before and new ones apart")


class ReportConfig(Section):
    """The page."""

    users: int = Field(3, ge=0, description="example users")
    ids: Literal["off", "hashed", "open"] = Field("hashed", description="how example users are named")
    show_user: str | None = Field(None, description="the user whose list the end of a run prints; null: one by hash")
