"""s1_clean: where the rows come from and which are refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lstmrec.config.base import Section
from lstmrec.config.secret import Options

Keep = Literal["keep", "reject"]
Weight = Annotated[float, Field(ge=0, le=1e6)]


class Source(Section):
    """A table as it lies somewhere. A column is named by a source column or by any SQL expression over them."""

    format: Literal["parquet", "csv", "json", "orc", "table"] = Field("parquet", description="what Spark reads it as")
    path: list[str] = Field(min_length=1, description="paths, globs, `package://NAME/FILE` of an installed package, "
                            "or one table name for format table")  # fmt: skip
    options: Options = Field({}, description="options of Spark's reader, e.g. header: 'true'; `env:NAME` is the value "
                             "of an environment variable, and secrets are named so")  # fmt: skip
    columns: str | None = Field(None, description="the source's columns and types as DDL (`u string, t bigint`), so "
                                "that nothing is inferred; null: as the files say")  # fmt: skip
    on_corrupt_file: Literal["stop", "quarantine"] = Field("stop", description="an empty or cut off Parquet or ORC "
                                                           "file: stop, or leave it out and count it")  # fmt: skip
    success_file: bool = Field(False, description="a folder of path without `_SUCCESS`, which writers on Hadoop leave "
                               "last, is an error")  # fmt: skip
    where: str | None = Field(None, description="SQL: only these source rows are the source")

    @model_validator(mode="after")
    def _rows_are_counted(self) -> Source:
        options = {k.lower(): v.upper() for k, v in self.options.items()}
        if options.get("mode") == "DROPMALFORMED" or options.get("ignorecorruptfiles") == "TRUE":
            raise ValueError("mode DROPMALFORMED and ignoreCorruptFiles lose rows uncounted: malformed rows are "
                             "refused by name, and for broken files there is on_corrupt_file")  # fmt: skip
        if self.format == "table" and (len(self.path) != 1 or self.columns):
            raise ValueError("format table takes one name as path, and no columns")
        return self


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
    session: str | None = Field(None, description="column or SQL of the source's own session id")
    weights: dict[str, Weight] = Field({}, description="event type -> weight of its events; 0: refused")
    unknown_types: Keep = Field("keep", description="events of types without a weight: keep (weight 1) or reject")

    @model_validator(mode="after")
    def _types_are_known(self) -> EventSource:
        if self.unknown_types == "reject" and not self.weights:
            raise ValueError("unknown_types: reject wants weights: without them every type is unknown")
        return self


class ItemSource(Source):
    """The catalogue."""

    item_id: str = Field("item_id", description="column or SQL of the item's id")
    title: str | None = Field(None, description="column or SQL of what people call it")
    tags: list[str] = Field([], description="columns whose values become tags `column=value`; arrays one tag a member")
    text: list[str] = Field([], description="columns whose words become the item's text")
    numeric: dict[str, str] = Field({}, description="name -> column or SQL of a number")
    vectors: dict[str, str] = Field({}, description="name -> column or SQL of an array of numbers, such as an image's "
                                    "or a text's embedding; a name's vectors have one length")  # fmt: skip
    updated: str | None = Field(None, description="column or SQL that grows with each update: of rows that share "
                                "an id the one with the largest stays; null: with the smallest hash")  # fmt: skip
    tags_max_per_item: int = Field(1_000, ge=1, description="more tags are cut off, in alphabetical order")
    max_text_length: int = Field(10_000, ge=1, description="longer titles and texts are cut off (characters)")


class UserSource(Source):
    """Demographics."""

    user_id: str = Field("user_id", description="column or SQL of the user's id")
    attributes: list[str] = Field([], description="categorical columns")
    updated: str | None = Field(None, description="as in items: of rows that share an id the largest wins")


class Rule(Section):
    """A rule of the user's own: rows for which `when` holds are refused."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$", description="the reject_reason")
    when: str = Field(description="SQL over the columns of the events table")


class CoreConfig(Section):
    """k-core: items and users with too few events before `fit_before` are refused, wherever their events lie."""

    items: int = Field(0, ge=0, description="items with fewer events are refused; 0: off")
    users: int = Field(0, ge=0, description="users with fewer events (of items that stay) are refused; 0: off")
    rounds: int | None = Field(None, ge=1, description="items then users, this many times; null: until nothing changes")


class BotConfig(Section):
    """Users with too many events, or too fast: refused wholly where events before `fit_before` show it."""

    max_events: int = Field(100_000, ge=1, description="more events in all: a bot; and whatever its user, an event "
                            "beyond this number in the user's order is refused (over_cap)")  # fmt: skip
    per_day: int | None = Field(None, ge=1, description="more events on one UTC day: a bot; null: off")
    per_minute: int | None = Field(None, ge=1, description="more events in one minute of the clock: a bot; null: off")
    user_quantile: float | None = Field(None, gt=0, lt=1, description="users with more events than this quantile of "
                                        "all users' counts are bots; null: off")  # fmt: skip


class CleanConfig(Section):
    """Reading, typing, refusing, deduplicating."""

    events: EventSource = Field(description="the event log")
    items: ItemSource | None = Field(None, description="the catalogue; without it the items of train events")
    users: UserSource | None = Field(None, description="demographics; without it the users of events")
    anonymous: Literal["reject", "session"] = Field("reject", description="rows without a user id: refused, or, where "
                                                    "they have a session, events of a user `session:ID`")  # fmt: skip
    unicode: Literal["nfc", "as_is"] = Field("nfc", description="tags, titles, texts, attributes: composed (NFC), or "
                                             "left as they are; ids are never changed")  # fmt: skip
    max_id_length: int = Field(256, ge=1, description="longer ids are refused (characters)")
    time_min: str = Field("1970-01-02T00:00:00Z", description="earlier times are refused")
    future_tolerance_s: int = Field(0, ge=0, description="times later than as_of by more than this are refused")
    min_value: float | None = Field(None, description="smaller values are refused")
    max_value: float | None = Field(None, description="larger values are refused")
    min_quantity: float | None = Field(None, description="smaller quantities are refused")
    max_quantity: float | None = Field(None, description="larger quantities are refused")
    unknown_items: Keep = Field("keep", description="events of items in no items table")
    unknown_users: Keep = Field("keep", description="events of users in no users table")
    unique_event_id: bool = Field(False, description="an event id stands once in the whole log (one more shuffle); "
                                  "false: once a user")  # fmt: skip
    duplicates: Literal["exact", "user_item_time"] = Field(
        "user_item_time", description="exact: equal rows; user_item_time: same user, item, type and time (or position)"
    )
    cancellations: Literal["keep", "reject", "undo"] = Field(
        "keep", description="reject: cancellations are refused; undo: and with each the latest open event of the same "
        "user, item and amount"
    )  # fmt: skip
    cancel_when: str = Field("quantity < 0", description="SQL over the events table: which events are cancellations")
    double_click_s: int = Field(0, ge=0, description="same user, item and type within so many seconds after the one "
                                "before is refused; 0: off")  # fmt: skip
    consecutive_repeats: Keep = Field("keep", description="events of the same item as the user's event before")
    session_gap_minutes: int | None = Field(None, ge=1, description="a longer silence begins the user's next session; "
                                            "null: the source's sessions, if it has any")  # fmt: skip
    fit_before: str | None = Field(None, description="core and bots are fitted on events before this instant, or on "
                                   "`all`; null: before the first cut")  # fmt: skip
    bots: BotConfig = Field(BotConfig(), description="users with too many events")
    core: CoreConfig = Field(CoreConfig(), description="items and users with too few")
    max_reject_share: float = Field(0.05, ge=0, le=1, description="stop when a larger share of event rows is refused "
                                    "(duplicates and what the config chooses not counted)")  # fmt: skip
    rules: list[Rule] = Field([], description="rules of your own")

    @model_validator(mode="after")
    def _parts_agree(self) -> CleanConfig:
        asks = [key for key, wants in (
            ("double_click_s", self.double_click_s), ("session_gap_minutes", self.session_gap_minutes),
            ("bots.per_day", self.bots.per_day), ("bots.per_minute", self.bots.per_minute),
        ) if wants]  # fmt: skip
        if asks and self.events.time is None:
            raise ValueError(f"events.time is null, so nothing may ask for a clock: {', '.join(asks)}")
        if self.anonymous == "session" and self.events.session is None:
            raise ValueError("anonymous: session wants events.session")
        if self.session_gap_minutes and self.events.session:
            raise ValueError("sessions come from events.session or from session_gap_minutes, not from both")
        return self
