"""s4_profile: point-in-time aggregates."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lstmrec.config.base import Section

Feature = Literal[
    "events", "items", "repeat_share", "types", "value", "active_days", "tenure_days", "mean_gap_days", "basket_size"
]


class ProfileConfig(Section):
    """Which user aggregates the model sees."""

    features: list[Feature] = Field(
        ["events", "items", "repeat_share"],
        description="events, distinct items, share of repeats (in 1/1000), event types, value (minor units); with a "
        "clock also active days, tenure, mean gap between active days, events an instant",
    )
