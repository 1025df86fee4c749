"""Users who are to be forgotten."""

from __future__ import annotations

from pydantic import Field

from lstmrec.config.base import Section
from lstmrec.config.clean import Source


class ErasedUsers(Source):
    """A table of ids, a row a user, each as the log has it."""

    user_id: str = Field("user_id", description="column or SQL of the user's id")


class EraseConfig(Section):
    """Erasure: the next run makes tables without those users; `lstmrec erase` removes older ones."""

    table: ErasedUsers | None = Field(None, description="whom to forget; null: nobody")
    keep_days: int = Field(0, ge=0, description="versions that hold them stay until as_of is so many days after "
                           "theirs, so that a rollback can reach them; 0: none stays")  # fmt: skip
