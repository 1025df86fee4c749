"""s2_split: which rows train, which validate, which test."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lstmrec.config.base import Section


class SplitConfig(Section):
    """How the hold-out is made."""

    by: Literal["time", "leave_last"] = Field("time", description="a global cut, or each user's last events")
    test_days: int = Field(28, ge=1, description="by time: events of the last N x 24 h before as_of are test")
    validation_days: int = Field(28, ge=1, description="by time: the N x 24 h before those are validation")
    last: int = Field(1, ge=1, description="leave_last: this many last events are test, as many before validation")
