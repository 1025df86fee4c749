"""What measuring a bundle needs of the edges, handed in by the job: frames, versions, and who writes and reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, Row

from lstmrec.config.run import Config
from lstmrec.contracts.manifest import Manifest
from lstmrec.scoring.options import Options


@dataclass(frozen=True)
class Bench:
    """frames: tables by name; known: their manifests.

    keep: writes a frame under a name and gives it back as read from there; rows: those of a small frame; plain: name
    (popularity, maybe profile) -> (users, SPLIT rows to count, SPLIT rows of their own histories, their USERS rows) ->
    user_id, items. near: (users, SPLIT rows of their histories, ENCODED_ITEMS) -> (item, keys, weights), (user_id,
    keys, weights), which `over` makes a scorer of, or None: see `recommenders.beside`.
    """

    conf: Config
    frames: Mapping[str, DataFrame]
    known: Mapping[str, Manifest]
    options: Options
    keep: Callable[[DataFrame, str], DataFrame]
    rows: Callable[[DataFrame], Sequence[Row]]
    plain: Mapping[str, Callable[[DataFrame, DataFrame, DataFrame, DataFrame], DataFrame]]
    near: Callable[[DataFrame, DataFrame, DataFrame], tuple[DataFrame, DataFrame]] | None
    over: Callable[..., Any]

    @property
    def items(self) -> int:
        """Rows of ENCODED_ITEMS."""
        return self.known["encoded_items"].rows_out
