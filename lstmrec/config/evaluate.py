"""s8_evaluate and s9_report."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

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


class FaithfulConfig(Section):
    """Whether the reasons of lists (score.because) are the model's: items lose and regain events of their history."""

    users: int = Field(500, ge=1, description="test users, by hash")
    items: int = Field(3, ge=1, description="first items of each list")
    within: int = Field(20, ge=1, description="newest events of the window that can be a reason")
    steps: list[Annotated[int, Field(ge=1)]] = Field(
        [1, 2, 3, 5, 10], min_length=1, description="after so many events taken away, or given back, a curve is read"
    )


class IpsConfig(Section):
    """Metrics whose hits weigh the inverse propensity of the item to have been seen: ips_* and, self-normalised,
    snips_*."""

    power: float = Field(0.5, gt=0, le=2, description="propensity: (train events / those of the most frequent item) ^ "
                         "power")  # fmt: skip
    clip: float = Field(0.1, ge=0.01, le=1, description="smaller propensities count as this: less variance, more bias")


class SlicesConfig(Section):
    """Groups of users and of targets whose figures are told apart."""

    history: list[int] = Field([20, 100], min_length=2, max_length=2, description="history:short below the first, "
                               "long from the second; events before the role's cut")  # fmt: skip
    user_days: list[int] = Field([28, 365], min_length=2, max_length=2, description="user_age:new below the first, "
                                 "old from the second; days from a user's first event to the role's")  # fmt: skip
    item_days: int = Field(28, ge=1, description="item_age:new: the item's first event is less than this before the "
                           "target")  # fmt: skip
    segment: str | None = Field(None, description="of clean.users.attributes: segment:VALUE of users, the most "
                                "frequent values")  # fmt: skip
    segments: int = Field(10, ge=1, description="values told apart; the rest is segment:other")

    @field_validator("history", "user_days")
    @classmethod
    def _rises(cls, value: list[int]) -> list[int]:
        if not 0 < value[0] < value[1]:
            raise ValueError(f"bounds must rise from above 0: {value}")
        return value


class SequentialConfig(Section):
    """When a difference between variants is decided: a test that holds however often it is looked at."""

    alpha: float = Field(0.05, gt=0, lt=0.5, description="chance of ever deciding, on any day, where there is no "
                         "difference; parted among the variants that are held against the first")  # fmt: skip
    effect: float = Field(0.01, gt=0, lt=1, description="difference of NDCG that would matter: the test is quickest "
                          "for one of about this size, and holds for all; said before the first day")  # fmt: skip


class EvaluateConfig(Section):
    """Ranking metrics."""

    ks: list[int] = Field([10], min_length=1, description="list lengths; the longest at most score.k")
    bootstrap: int = Field(500, ge=0, description="resamples of the intervals")
    baseline: str = Field("model", description="recommender that every other is held against: differences with "
                          "intervals and p, corrected for their number")  # fmt: skip
    repeats: bool = Field(False, description="report targets the user had before and new ones apart")
    slices: SlicesConfig = Field(SlicesConfig(), description="groups whose figures are told apart")
    ips: IpsConfig | None = Field(None, description="figures without the pull of what is popular; null: none")
    sequential: SequentialConfig = Field(SequentialConfig(), description="when variants are decided (variants)")
    diversity_users: int = Field(2000, ge=0, description="users, by hash, whose lists' diversity is measured; 0: none")
    probes: ProbesConfig | None = Field(None, description="how the model takes short and dirty histories; null: skip")
    because: FaithfulConfig | None = Field(None, description="whether reasons are the model's; null: skip")
    cold_items: bool = Field(False, description="how the model ranks items it was not trained on (split.items holds "
                             "some out), beside newest, most popular and chance")  # fmt: skip


class ReportConfig(Section):
    """The page."""

    users: int = Field(20, ge=0, description="example users; all but the first three are folded")
    ids: Literal["off", "hashed", "open"] = Field("hashed", description="how example users are named")
    show_user: str | None = Field(None, description="the user whose list the end of a run prints; null: one by hash")
