from __future__ import annotations

from typing import Any

import pytest
import torch

from lstmrec.config.train import TrainConfig
from lstmrec.contracts.errors import ResourceError
from lstmrec.model import softmax
from lstmrec.model.keys import Key
from lstmrec.model.loss import loss
from lstmrec.training import precision
from lstmrec.training.precision import precision_of
from tests.model import worlds

CPU = torch.device("cpu")


def hardware(monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
    dtype = torch.bfloat16 if has else torch.float32
    monkeypatch.setattr(precision, "gemm_dtype", lambda like: dtype)


def test_a_cpu_uses_bf16_for_products_alone_and_where_it_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for has, asked, products, said in ((True, "auto", True, "products in bf16"), (False, "auto", False, "has no bf16"),
                                       (True, "fp32", False, "fp32 (asked for)")):  # fmt: skip
        hardware(monkeypatch, has)
        got = precision_of(TrainConfig(precision=asked), CPU)
        assert (got.net, got.products) == (False, products)
        assert said in got.said and got.said.startswith("cpu, threads ") and "net in fp32" in got.said


def test_bf16_without_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    hardware(monkeypatch, True)
    with pytest.raises(ResourceError, match="R635"):
        precision_of(TrainConfig(precision="bf16"), CPU)


def test_products_can_be_kept_out_of_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    one = torch.zeros(1)
    assert softmax.gemm_dtype(one) == torch.bfloat16
    with softmax.products(False):
        assert softmax.gemm_dtype(one) == torch.float32
    assert softmax.gemm_dtype(one) == torch.bfloat16


@pytest.mark.parametrize("kind", ["softmax", "sampled"])
@pytest.mark.parametrize("change", [{}, {**worlds.RICH, "history": "learn"}])
def test_under_autocast_towers_run_in_bf16_and_the_loss_does_not(change: dict[str, Any], kind: str) -> None:
    """What a GPU does, on the CPU's autocast: gradients arrive, in fp32, near those without it."""
    net, batch, cat = worlds.net(**change), worlds.batch(seed=3), worlds.catalogue()
    key, grads, values, seen = Key(5, 1, ((0, 6),)), [], [], []
    net.user.head.register_forward_hook(lambda _m, _i, out: seen.append(out.dtype))
    for fast in (False, True):
        net.zero_grad()
        # oneDNN's LSTM knows bf16 on some CPUs only; torch's own does everywhere.
        off = torch.backends.mkldnn.flags(enabled=False)
        with off, torch.autocast("cpu", torch.bfloat16, enabled=fast), softmax.products(False):
            value, _, _ = loss(net, batch, cat, key, kind=kind, negatives=12)
        value.backward()
        assert value.dtype == torch.float32
        values.append(value.item())
        grads.append(torch.cat([p.grad.reshape(-1) for p in net.parameters() if p.grad is not None]))
    assert seen == [torch.float32, torch.bfloat16] and values[0] != values[1]
    assert values[1] == pytest.approx(values[0], rel=0.02)
    assert torch.cosine_similarity(grads[0], grads[1], dim=0) > 0.99
