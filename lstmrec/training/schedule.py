"""The learning rate: linear warm-up by steps, cosine by epochs (SGDR, Loshchilov and Hutter 2017, without restarts)."""

from __future__ import annotations

import math
from typing import Literal


def rate(base: float, step: int, progress: float, *, warmup_steps: int, epochs: int, final: float) -> float:
    """The rate of a step.

    base: the highest rate, never scaled by the number of ranks (the global batch does not depend on it). step:
    0-based, over all epochs. progress: epochs done, with the fraction of the current one, so that epochs of different
    numbers of steps make one smooth curve. epochs: length of the cosine; after it the rate stays at `final * base`.
    """
    warm = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    turned = 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress / epochs)))
    return base * warm * (final + (1.0 - final) * turned)


def scaled(base: float, batch: int, base_batch: int | None, by: Literal["linear", "sqrt"]) -> float:
    """A rate that was found for `base_batch` sequences a step, for `batch` of them; None: as it is.

    linear: Goyal et al. 2017, section 2.1 (with warm-up). sqrt: gentler, as Adam's steps are normed already
    (Krizhevsky 2014, section 5; Malladi et al. 2022 for Adam).
    """
    if base_batch is None:
        return base
    share = batch / base_batch
    return base * (share if by == "linear" else math.sqrt(share))
