"""s2_split: which rows train, which validate, which test."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from lstmrec.config.base import Section


def instant_us(text: str) -> int:
    """Microseconds since 1970 UTC of an ISO instant with a zone; ValueError otherwise."""
    try:
        instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise ValueError(f"no instant: {text!r}; write 2018-01-01T00:00:00Z") from error
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no zone; write {text}Z for UTC")
    delta = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def told(us: int) -> str:
    """An instant of microseconds for people: 2018-01-01T00:00:00Z."""
    instant = datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)
    return instant.isoformat().replace("+00:00", "Z")


def _canonical(text: str) -> str:
    return told(instant_us(text))


Instant = Annotated[str, AfterValidator(_canonical)]
Share = Annotated[float, Field(gt=0, lt=1)]


class UserHoldout(Section):
    """Users that training never sees, by a hash of (seed, user_id): who is held out stays so when others come."""

    share: Share = Field(description="this share of users; their events before the cut are history only (`context`)")


class ItemHoldout(Section):
    """Items that nobody may know before the test cut: their earlier events are withheld."""

    share: Share | None = Field(None, description="this share of items, by a hash of (seed, item_id)")
    new_from: Instant | None = Field(None, description="by time: items whose first event is at or after this instant")

    @model_validator(mode="after")
    def _one_way(self) -> ItemHoldout:
        if (self.share is None) == (self.new_from is None):
            raise ValueError("items wants exactly one of share and new_from")
        return self


class SplitConfig(Section):
    """How the hold-out is made. By time: N days, instants, or shares of the events, one of them for each cut."""

    by: Literal["time", "leave_last", "nothing"] = Field(
        "time", description="a global cut, or each user's last events; nothing is held out by flows refit and daily"
    )  # fmt: skip
    test_days: int = Field(28, ge=1, description="by time: events of the last N x 24 h before as_of are test")
    validation_days: int = Field(28, ge=1, description="by time: the N x 24 h before those are validation")
    test_from: Instant | None = Field(None, description="by time: test begins at this instant (for test_days)")
    validation_from: Instant | None = Field(None, description="by time: validation begins here (for validation_days)")
    test_share: Share | None = Field(
        None, description="by time: test begins at the latest whole second that gives it this share of the events"
    )
    validation_share: Share | None = Field(None, description="by time: the same for validation, before test")
    gap_days: int = Field(0, ge=0, description="by time: events of the N x 24 h before each of the two cuts are "
                          "withheld, so that what a role knows ends N days before it begins")  # fmt: skip
    last: int = Field(1, ge=1, description="leave_last: this many last events are test, as many before validation")
    users: UserHoldout | None = Field(None, description="hold users out of training, besides")
    items: ItemHoldout | None = Field(None, description="hold items back until test, besides")
    labels: bool = Field(True, description="fill the table `seen`: for each user and item whether training knows it")

    @model_validator(mode="after")
    def _agree(self) -> SplitConfig:
        cuts = [f"{role}_{how}" for role in ("test", "validation") for how in ("days", "from", "share")]
        given = [k for k in cuts if k in self.model_fields_set and getattr(self, k) is not None]
        timed = [k for k in given if not k.endswith("days")]
        if self.by == "nothing":
            if extra := sorted(self.model_fields_set - {"by", "labels"}):
                known = type(self).model_fields
                if wrong := [k for k in extra if getattr(self, k) != known[k].default]:
                    raise ValueError(f"by: nothing holds nothing out, so it cannot have {', '.join(wrong)}")
            return self
        if self.by == "leave_last":
            asks = timed + (["gap_days"] if self.gap_days else [])
            asks += ["items.new_from"] if self.items and self.items.new_from else []
            if asks:
                raise ValueError(f"by: leave_last has no clock, so it cannot have {', '.join(asks)}")
            return self
        for role in ("test", "validation"):
            mine = [k for k in given if k.startswith(role)]
            if len(mine) > 1:
                raise ValueError(f"one cut, one way: {' and '.join(mine)} cannot stand together")
        if self.test_from and self.validation_from and self.validation_from >= self.test_from:
            raise ValueError(f"validation_from {self.validation_from} is not before test_from {self.test_from}")
        if (self.test_share or 0) + (self.validation_share or 0) >= 1:
            raise ValueError("test_share and validation_share leave nothing to train on")
        if self.gap_days >= self.validation_days and not (self.validation_from or self.validation_share):
            raise ValueError(f"gap_days {self.gap_days} leaves nothing of validation_days {self.validation_days}")
        return self

    @property
    def summary(self) -> str:
        """The rule in a few words, for reports."""
        if self.by == "nothing":
            return "nothing held out"
        if self.by == "leave_last":
            words = f"leave the last {self.last} out"
        else:
            ways = []
            for role in ("test", "validation"):
                start, share = getattr(self, f"{role}_from"), getattr(self, f"{role}_share")
                days = f"{getattr(self, f'{role}_days')} d {role}"
                ways.append(f"{role} from {start}" if start else f"{share:g} of events {role}" if share else days)
            words = f"time cut, {', '.join(ways)}" + (f", {self.gap_days} d gap" if self.gap_days else "")
        words += f", {self.users.share:g} of users held out" if self.users else ""
        if self.items:
            rule = f"new from {self.items.new_from}" if self.items.new_from else f"{self.items.share:g}"
            words += f", items held out: {rule}"
        return words
