"""s5_sequence: windows, length classes, labels, the history before a window."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lstmrec.config.base import Section


class SequenceConfig(Section):
    """How histories become integer sequences."""

    max_length: int = Field(200, ge=1, description="positions of a window")
    min_length: int = Field(1, ge=1, description="train windows with fewer inputs are left out, and counted")
    classes: list[int] = Field([8, 16, 32, 64, 96, 128, 160], description="length classes below max_length")
    roles: list[Literal["train", "validation", "test", "serve"]] = Field(
        ["train", "validation", "test", "serve"], min_length=1, description="whom sequences are made for"
    )
    train_windows: Literal["all", "last"] = Field(
        "all", description="all: windows over the whole history of a user; last: the last max_length events alone"
    )
    phases: int = Field(4, ge=1, description="sets of train windows with other starts; an epoch reads one")
    objective: Literal["next_item", "next_basket", "next_days"] = Field(
        "next_item", description="what a position is labelled with"
    )
    horizon_days: int = Field(28, ge=1, description="next_days: items of the next N days are the label")
    max_after: int = Field(256, ge=1, description="next_basket, next_days: later events kept for the labels of a train "
                           "window; positions whose label would need more are not labelled")  # fmt: skip
    history: Literal["filter", "learn", "ignore"] = Field(
        "filter", description="what the user already had: out, with a score of its own, or like all else"
    )
    half_lives_days: list[float] = Field([30.0, 90.0], description="half-lives of the decayed counts (learn)")
    rows_per_file: int = Field(4096, ge=1, description="about this many rows a file, fewer of very long rows")
    files_multiple: int = Field(8, ge=1, description="files of a class are a multiple of this (virtual shards)")
