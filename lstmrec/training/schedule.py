"""The learning rate: linear warm-up by steps, cosine by epochs (SGDR, Loshchilov and Hutter 2017, without restarts)."""

from __future__ import annotations

import math


def rate(base: float, step: int, progress: float, *, warmup_steps: int, epochs: int, final: float) -> float:
    """The rate of a step.

    base: the configured rate, never scaled by the number of ranks (the global batch does not depend on it). step:
    0-based, over all epochs. progress: epochs done, with the fraction of the current one, so that epochs of different
    numbers of steps make one smooth curve. epochs: length of the cosine; after it the rate stays at `final * base`.
    """
    warm = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    turned = 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress / epochs)))
    return base * warm * (final + (1.0 - final) * turned)
