"""What stops a publication."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from lstmrec.config.base import Section
from lstmrec.contracts import tables

#: Published tables that are rows: what a view can show.
VIEWABLE = tuple(t.name for t in (tables.SPLIT, tables.USERS, tables.ENCODED_ITEMS, tables.ITEM_VECTORS,
                                  tables.METRICS, tables.RECOMMENDATIONS))  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class CatalogConfig(Section):
    """Views of what is live in the catalog of Spark's session (a Hive metastore, Glue, Unity): readers query a name,
    and know nothing of versions and folders."""

    database: str = Field(description="the views' database; it must be there")
    views: dict[str, str] = Field(
        {"recommendations": "recommendations"}, min_length=1, description="published table -> name of its view; of "
        "split, users, encoded_items, item_vectors, metrics, recommendations"
    )  # fmt: skip

    @field_validator("database")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"database {value!r} is no name of letters, digits and _")
        return value

    @field_validator("views")
    @classmethod
    def _names(cls, value: dict[str, str]) -> dict[str, str]:
        if strangers := sorted(set(value) - set(VIEWABLE)):
            raise ValueError(f"no rows are published of {', '.join(strangers)}: some of {', '.join(VIEWABLE)}")
        if wrong := sorted(v for v in value.values() if not _NAME.fullmatch(v)):
            raise ValueError(f"no names of letters, digits and _: {', '.join(map(repr, wrong))}")
        if len({v.lower() for v in value.values()}) < len(value):  # a metastore knows no capitals
            raise ValueError(f"one view of two tables: {', '.join(sorted(value.values()))}")
        return value


class PublishConfig(Section):
    """Limits of the gates: beyond one of them nothing is published, and what is live stays."""

    max_quiet_days: float | None = Field(None, gt=0, description="days before as_of that must hold an event: a "
                                         "feed that has stopped gives old lists; null: not asked")  # fmt: skip
    min_model_share: float = Field(0.0, ge=0, le=1, description="of served users, whose list the net made")
    max_drift: float | None = Field(None, gt=0, description="largest population stability index of s3's comparisons "
                                    "with training; null: above 0.25 is said, and stops nothing")  # fmt: skip
    max_metric_drop: float = Field(0.2, ge=0, le=1, description="how far NDCG on test may fall below that of what is "
                                   "live, as a share of it")  # fmt: skip
    max_daily_drop: float | None = Field(
        None, ge=0, le=1, description="flow daily: how far NDCG of the published lists, by what users did since, may "
        "fall below the mean of the 28 days before, as a share of it; null: it is told"
    )  # fmt: skip
    catalog: CatalogConfig | None = Field(None, description="views that follow `live`; null: none")
