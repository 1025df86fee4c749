"""An experiment: which recommender's list each served user is to be shown."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any

from pydantic import Field, model_validator

from lstmrec.config.base import Section

#: Resamples from which the error of a difference is taken.
LEAST = 100


class Variant(Section):
    """One arm: the users of a share see one recommender's lists."""

    name: str = Field(description="as rows, figures and the report call it")
    recommender: str = Field(description="name of an entry of score.recommenders; two variants may have the same (A/A)")
    share: float = Field(gt=0, lt=1, description="of all users")


class Variants(Section):
    """Users are parted by hash(salt, user_id) alone: the same variant every day, wherever and whenever it is asked."""

    salt: str = Field(min_length=1, description="names the experiment: another salt draws everybody anew")
    of: list[Variant] = Field(
        min_length=2, description="the first is what the others are held against. Their order counts: one that grows "
        "at its neighbour's expense takes users from that neighbour, and nobody else moves"
    )  # fmt: skip

    @model_validator(mode="after")
    def _whole(self) -> Variants:
        names = [v.name for v in self.of]
        if len(set(names)) < len(names) or any(not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", n) for n in names):
            raise ValueError(f"variants: names must be distinct, [a-z][a-z0-9_]*: {names}")
        total = math.fsum(v.share for v in self.of)
        if abs(total - 1) > 1e-9:
            raise ValueError(f"variants: shares sum to {total:g}, not to 1: {[v.share for v in self.of]}")
        return self


def check(asked: Variants | None, recommenders: Collection[str], roles: Collection[str], resamples: int) -> None:
    """ValueError where what is asked cannot be served or judged."""
    if asked is None:
        return
    if strangers := sorted({v.recommender for v in asked.of} - set(recommenders)):
        raise ValueError(f"variants: recommenders {strangers} are none of score.recommenders: {sorted(recommenders)}")
    if "serve" not in roles:
        raise ValueError(f"variants are of served users: serve is not in score.roles {list(roles)}")
    if resamples < LEAST:
        raise ValueError(f"variants: evaluate.bootstrap {resamples} is too few to judge them by: at least {LEAST}")


def parse(data: Any) -> Variants | None:
    """Of a manifest's config: `{"variants": {...}}` as it stood when the lists were made; None without an experiment,
    also in manifests of before there were any."""
    found = data.get("variants")
    return Variants.model_validate(found) if found else None
