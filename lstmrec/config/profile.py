"""s4_profile: point-in-time aggregates."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from lstmrec.config.base import Section

#: What a name of `profile.features` means: aggregates of a user's events before a boundary, as of the last of them.
#: Shares are in 1/1000. `count:TYPE` besides.
FEATURES = {
    "events": "events",
    "items": "distinct items",
    "repeat_share": "events with an item that was there before",
    "types": "distinct event types",
    "item_entropy": "diversity: entropy of the item counts, in bits",
    "value": "sum of value, minor units",
    "mean_value": "value an event that has one, minor units",
    "mean_price": "value by quantity of the events that have a value, minor units",
}
#: Those that need `clean.events.time`. Days and hours are those of `profile.calendar_zone`.
CLOCK_FEATURES = {
    "active_days": "distinct calendar days with events",
    "tenure_days": "days from the first event to the last",
    "mean_gap_days": "tenure by the steps between active days",
    "recency_days": "days between the last two instants: how long the user had been away when last seen",
    "max_gap_days": "days of the longest time away",
    "basket_size": "events an instant",
    "day_parts": "four numbers: shares of events from 0, 6, 12 and 18 o'clock on",
    "weekend_share": "share of events on Saturdays and Sundays",
}
COUNT = "count:"


class OwnFeature(Section):
    """An aggregate of one's own."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    agg: str = Field(
        min_length=1,
        description="a Spark SQL aggregate over SPLIT's columns, e.g. `sum(value) / 100.0`: of the user's rows before "
        "the boundary, in their order; null, NaN and infinity count as 0",
    )


class Affinities(Section):
    """Shares of a user's decayed events that go to each of the most frequent tags, in 1/1000."""

    tags: int = Field(16, ge=1, le=62, description="so many tags, the first of the vocabulary fitted on train rows")
    half_life_days: float = Field(30.0, ge=0.01, le=3650, description="an event weighs half after so many days; after "
                                  "16 half-lives it fades out")  # fmt: skip


class ProfileConfig(Section):
    """Which aggregates of users the model sees, and whether those of items are made."""

    features: list[str | OwnFeature] = Field(
        ["events", "items", "repeat_share"],
        description="names, `count:TYPE` (events of a type), or {name, agg: SQL}; [] costs nothing",
    )
    affinities: Affinities | None = Field(None, description="tag affinities with exponential decay; null: none")
    calendar_zone: str = Field("UTC", description="IANA zone of calendar days, hours and weekdays, Europe/Berlin say")
    items: bool = Field(True, description="make ITEM_PROFILES (popularity over windows, trend, price, repeat buys, for "
                        "analysts); the table is empty otherwise")  # fmt: skip

    @field_validator("features")
    @classmethod
    def _known_once(cls, features: list[str | OwnFeature]) -> list[str | OwnFeature]:
        known = {**FEATURES, **CLOCK_FEATURES}
        for f in features:
            if isinstance(f, str) and f not in known and not re.fullmatch(COUNT + ".+", f):
                raise ValueError(f"no feature {f!r}; there are {', '.join(known)}, {COUNT}TYPE, and {{name, agg: SQL}}")
            if isinstance(f, OwnFeature) and f.name in known:
                raise ValueError(f"{f.name} is a built-in feature: another name")
        names = [f if isinstance(f, str) else f.name for f in features]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"features stand twice: {', '.join(twice)}")
        return features

    @field_validator("calendar_zone")
    @classmethod
    def _a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError) as error:
            raise ValueError(f"{value!r} is no IANA time zone; write Europe/Berlin or UTC") from error
        return value

    @property
    def own(self) -> list[OwnFeature]:
        """The aggregates of one's own."""
        return [f for f in self.features if isinstance(f, OwnFeature)]

    @property
    def needs_clock(self) -> list[str]:
        """The keys that cannot be without `clean.events.time`."""
        asks = [f"profile.features: {f}" for f in self.features if isinstance(f, str) and f in CLOCK_FEATURES]
        return asks + (["profile.affinities"] if self.affinities else [])
