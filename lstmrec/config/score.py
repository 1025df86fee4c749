"""s7_score: who fills the recommendations table."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lstmrec.config.base import Section
from lstmrec.config.clean import Source
from lstmrec.config.recommenders import ModelRecommender, Recommender
from lstmrec.config.secret import Options, Url


class ItemTable(Source):
    """A table of items."""

    item_id: str = Field("item_id", description="column or SQL of the item's id")


class Eligible(ItemTable):
    """The items that may be shown; where it has segments, each to users of its segment."""

    segment: str | None = Field(None, description="column or SQL of whom the row is for; a row where it is null is for "
                                "everybody, and so are all without it")  # fmt: skip
    attribute: str | None = Field(None, description="the users' attribute (of clean.users.attributes) that segments "
                                  "are values of; users without it see what is for everybody")  # fmt: skip

    @model_validator(mode="after")
    def _a_segment_is_of_an_attribute(self) -> Eligible:
        if (self.segment is None) != (self.attribute is None):
            raise ValueError("segment and attribute stand together or not at all")
        return self


class PinTable(ItemTable):
    """Items with a fixed place in every list."""

    position: str = Field("position", description="column or SQL of the place in the list, from 1")


class Filters(Section):
    """What lists may hold, whoever recommends."""

    seen: Literal["history", "none"] | Annotated[int, Field(ge=1)] | None = Field(
        None, description="items the user had that are not shown again: of the whole history, none, or of the last N x "
        "24 h before the cut (without one, before the user's last event); null: as trained (sequence.history: filter "
        "hides the history, learn and ignore nothing)"
    )  # fmt: skip
    eligible: Eligible | None = Field(None, description="only these items; null: all of the catalogue")
    banned: list[str] = Field([], description="item ids that are never shown")
    banned_table: ItemTable | None = Field(None, description="more of them")
    pinned: dict[str, Annotated[int, Field(ge=1)]] = Field(
        {}, description="item id -> its place in every list, from 1; where it may be shown (eligible, not banned), it "
        "is, seen or not"
    )  # fmt: skip
    pinned_table: PinTable | None = Field(None, description="more of them")
    per_tag: dict[str, Annotated[int, Field(ge=1)]] = Field(
        {}, description="at most so many items of a tag in a list, pinned ones included. `name=value`: of that tag; "
        "`name`: of each tag of that name; `*`: of each tag; the closest one counts"
    )  # fmt: skip
    unknown_items: Literal["warn", "stop"] = Field("warn", description="ids and tags named here that the catalogue has "
                                                   "not: counted, or an error")  # fmt: skip

    def hides(self, history: str) -> str | int:
        """What `seen` comes to with `sequence.history`: history, none, or days."""
        if self.seen is not None:
            return self.seen
        return "history" if history == "filter" else "none"

    @property
    def rules(self) -> bool:
        """Whether anything but the user's own history says what may be shown."""
        return bool(self.eligible or self.banned or self.banned_table or self.pinned or self.pinned_table
                    or self.per_tag)  # fmt: skip

    @property
    def tables(self) -> dict[str, ItemTable]:
        """Key -> source, of those asked for."""
        found = {"eligible": self.eligible, "banned_table": self.banned_table, "pinned_table": self.pinned_table}
        return {key: table for key, table in found.items() if table is not None}


Rung = Literal["full_history", "short_history", "profile_only", "segment_popularity", "popularity"]
RUNGS: tuple[Rung, ...] = ("full_history", "short_history", "profile_only", "segment_popularity", "popularity")


class Ladder(Section):
    """Who gets the model's list, and what the others get: each user takes the first rung that holds."""

    rungs: list[Rung] = Field(
        ["full_history", "short_history", "profile_only", "popularity"], description="from the top. The model's: "
        "full_history, short_history (some events, but fewer than below), profile_only (no event, known demographics "
        "that the model looks at). Counted in train events: segment_popularity (of users with the same attribute), "
        "popularity"
    )  # fmt: skip
    short_history: int = Field(5, ge=0, description="users with fewer events before the cut have a short history")
    attribute: str | None = Field(None, description="of clean.users.attributes: whose values segment_popularity is of")

    @model_validator(mode="after")
    def _everybody_stands_somewhere(self) -> Ladder:
        if self.rungs != [rung for rung in RUNGS if rung in self.rungs] or self.rungs[-1:] != ["popularity"]:
            raise ValueError(f"rungs are some of {', '.join(RUNGS)}, in this order, and popularity the last: it has a "
                             "list for everybody")  # fmt: skip
        if ("segment_popularity" in self.rungs) != (self.attribute is not None):
            raise ValueError("rung segment_popularity and attribute stand together or not at all")
        return self


class Because(Section):
    """Which past events each item of the model's lists owes its score to: the list is scored again without each."""

    events: int = Field(3, ge=1, description="items of past events named for each item of a list, and for the list")
    within: int = Field(20, ge=1, description="newest events of the window that are left out in turn: cost grows with "
                        "its square")  # fmt: skip


class Jdbc(Section):
    """A table of a database."""

    url: Url = Field(description="as JDBC names it, e.g. jdbc:postgresql://host/db; no password in it")
    table: str = Field(description="made where it is not there")
    user: str | None = Field(None, description="whom to log in as; null: the driver's own way")
    password_env: str | None = Field(None, description="environment variable (of the driver process) that holds the "
                                     "password")  # fmt: skip
    options: Options = Field({}, description="of Spark's JDBC writer: driver, batchsize, numPartitions ...; secrets as "
                             "`env:NAME`")  # fmt: skip


class Output(Section):
    """Copies of the lists for other systems, made after the commit."""

    explode: bool = Field(False, description="a row an item (item_id, score, rank); false: a row a user, its items an "
                          "array (in a database: JSON text)")  # fmt: skip
    roles: list[Literal["validation", "test", "serve"]] = Field(["serve"], min_length=1, description="whose lists")
    recommenders: list[str] | None = Field(None, description="names of those whose lists are copied; null: all, and "
                                           "with variants of each served user the one to be shown")  # fmt: skip
    jsonl: str | None = Field(None, description="folder of JSON lines; each version gets one of its own in it")
    parquet: str | None = Field(None, description="folder of plain Parquet; each version gets one of its own in it")
    jdbc: Jdbc | None = Field(None, description="table of a database; rows carry their version")

    @model_validator(mode="after")
    def _apart(self) -> Output:
        if self.jsonl and self.parquet and self.jsonl.rstrip("/") == self.parquet.rstrip("/"):
            raise ValueError(f"jsonl and parquet want folders of their own, not both {self.jsonl}")
        return self


class CandidatesConfig(Section):
    """What `lstmrec candidates` gathers for a re-ranker."""

    recommenders: list[str] | None = Field(
        None, min_length=1, description="names of those whose lists count; null: all"
    )
    per: int = Field(1_000, ge=1, description="first items of each list; at most score.k are there")


class ScoreConfig(Section):
    """Scoring."""

    k: int = Field(10, ge=1, description="items a list")
    roles: list[Literal["validation", "test", "serve"]] = Field(
        ["validation", "test", "serve"], min_length=1, description="whose lists are made, each by its history"
    )
    recommenders: list[Recommender] = Field(
        [ModelRecommender(kind="model")], min_length=1, description="who fills the recommendations table"
    )
    mode: Literal["windows", "carry", "update"] = Field(
        "windows", description="windows: the model reads the last sequence.max_length events of everybody. carry: "
        "whole histories, and each user's state is kept. update: goes on from those states: of users with new events "
        "it reads these alone, the others' lists take in new items; the lists are those of carry (role serve alone)"
    )  # fmt: skip
    margin: int = Field(10, ge=0, description="carry, update: items kept beyond k, so that a list that loses some need "
                        "not be made again")  # fmt: skip
    compact: int = Field(
        14, ge=1, description="carry, update: after so many updates all states, and all item vectors, are written anew"
    )
    filters: Filters = Field(Filters(), description="what lists may hold")
    ladder: Ladder = Field(Ladder(), description="what users of little history get")
    because: Because | None = Field(None, description="reasons beside the model's lists; null: none")
    batch: int = Field(256, ge=2, description="users a batch: every batch is padded to it")
    block: int = Field(4096, ge=1, description="items a block of the top-K")
    buckets: int | None = Field(None, ge=1, description="parts of the users that the model scores and commits one by "
                                "one: a run that was killed goes on with the missing ones; null: by size")  # fmt: skip
    output: Output = Field(Output(), description="copies of the lists for other systems")
