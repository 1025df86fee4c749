from __future__ import annotations

import pytest

from lstmrec.training.schedule import rate, scaled


def test_warm_up_then_cosine_then_flat() -> None:
    def at(step: int, progress: float, warmup: int = 4) -> float:
        return rate(2.0, step, progress, warmup_steps=warmup, epochs=10, final=0.1)

    assert [at(s, 0.0) for s in range(5)] == [0.5, 1.0, 1.5, 2.0, 2.0]
    assert at(100, 5.0) == pytest.approx(2.0 * 0.55)
    assert at(200, 10.0) == pytest.approx(0.2) and at(300, 17.0) == pytest.approx(0.2)
    assert at(0, 0.0, warmup=0) == 2.0
    curve = [at(100, p / 10) for p in range(100)]
    assert curve == sorted(curve, reverse=True)


def test_another_batch_scales_the_rate_linearly_or_by_its_root() -> None:
    assert scaled(0.1, 256, None, "linear") == 0.1 == scaled(0.1, 32, 32, "sqrt")
    assert scaled(0.1, 256, 64, "linear") == pytest.approx(0.4) and scaled(0.1, 16, 64, "linear") == pytest.approx(
        0.025
    )
    assert scaled(0.1, 256, 64, "sqrt") == pytest.approx(0.2)
