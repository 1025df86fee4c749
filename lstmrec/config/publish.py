"""What stops a publication."""

from __future__ import annotations

from pydantic import Field

from lstmrec.config.base import Section


class PublishConfig(Section):
    """Limits of the gates: beyond one of them nothing is published, and what is live stays."""

    min_model_share: float = Field(0.0, ge=0, le=1, description="of served users, whose list the net made")
    max_drift: float | None = Field(None, gt=0, description="largest population stability index of s3's comparisons "
                                    "with training; null: above 0.25 is said, and stops nothing")  # fmt: skip
    max_metric_drop: float = Field(0.2, ge=0, le=1, description="how far NDCG on test may fall below that of what is "
                                   "live, as a share of it")  # fmt: skip
    max_daily_drop: float | None = Field(
        None, ge=0, le=1, description="flow daily: how far NDCG of the published lists, by what users did since, may "
        "fall below the mean of the 28 days before, as a share of it; null: it is told"
    )  # fmt: skip
