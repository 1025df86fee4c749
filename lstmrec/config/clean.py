"""s1_clean: where the rows come from and which are refused."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lstmrec.config.base import Section


class Source(Section):
    """A table as it lies somewhere. A column is named by a source column or by any SQL expression over them."""

    format: Literal["parquet", "csv", "json", "orc", "table"] = Field("parquet", description="what Spark reads it as")
    path: list[str] = Field(min_length=1, description="paths, globs, `package://NAME/FILE` of an installed package, "
                            "or one table name for format table")  # fmt: skip
    options: dict[str, str] = Field({}, description="options of Spark's reader, e.g. header: 'true'")
    where: str | None = Field(None, description="SQL: only these source rows are the source")


class EventSource(Source):
    """The event log."""

    user_id: str = Field("user_id", description="column or SQL of the user's id")
    item_id: str = Field("item_id", description="column or SQL of the item's id")
    time: str | None = Field("time", description="column or SQL of the instant; null where only an order is known")
    time_unit: Literal["s", "ms", "us", "ns"] | None = Field(None, description="unit of a numeric time column")
    position: str | None = Field(None, description="column of the source's own order")
    event_id: str | None = Field(None, description="column of the source's own event id")
    event_type: str = Field("'event'", description="column or SQL of the event type")
    value: str | None = Field(None, description="column or SQL of the event's worth, in major units (12.34)")
    quantity: str | None = Field(None, description="column or SQL of how many")


class ItemSource(Source):
    """The catalogue."""

    item_id: str = Field("item_id", description="column or SQL of the item's id")
    title: str | None = Field(None, description="column or SQL of what people call it")
    tags: list[str] = Field([], description="columns whose values become tags `column=value`; arrays one tag a member")
    text: list[str] = Field([], description="columns whose words become the item's text")
    numeric: dict[str, str] = Field({}, description="name -> column or SQL of a number")


class UserSource(Source):
    """Demographics."""

    user_id: str = Field("user_id", description="column or SQL of the user's id")
    attributes: list[str] = Field([], description="categorical columns")


class Rule(Section):
    """A rule of the user's own: rows for which `when` holds are refused."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$", description="the reject_reason")
    when: str = Field(description="SQL over the columns of the events table")


class CleanConfig(Section):
    """Reading, typing, refusing, deduplicating."""

    events: EventSource = Field(description="the event log")
    items: ItemSource | None = Field(None, description="the catalogue; without it the items of train events")
    users: UserSource | None = Field(None, description="demographics; without it the users of events")
    max_id_length: int = Field(256, ge=1, description="longer ids are refused (characters)")
    time_min: str = Field("1970-01-02T00:00:00Z", description="earlier times are refused")
    future_tolerance_s: int = Field(0, ge=0, description="times later than as_of by more than this are refused")
    min_value: float | None = Field(None, description="smaller values are refused")
    min_quantity: float | None = Field(None, description="smaller quantities are refused")
    unknown_items: Literal["keep", "reject"] = Field("keep", description="events of items in no items table")
    unknown_users: Literal["keep", "reject"] = Field("keep", description="events of users in no users table")
    duplicates: Literal["exact", "user_item_time"] = Field(
        "user_item_time", description="exact: equal rows; user_item_time: same user, item, type and time (or position)"
    )
    min_item_events: int = Field(0, ge=0, description="items with fewer events are refused, one round over the whole "
                                 "log before the split (published protocols); 0: off")  # fmt: skip
    min_user_events: int = Field(0, ge=0, description="users with fewer events are refused, after the items; 0: off")
    max_user_events: int = Field(100_000, ge=1, description="users with more events are bots: refused")
    max_reject_share: float = Field(0.05, ge=0, le=1, description="stop when a larger share of event rows is refused "
                                    "(duplicates not counted)")  # fmt: skip
    rules: list[Rule] = Field([], description="rules of your own")
