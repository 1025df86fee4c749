import torch

from lstmrec.model import softmax
from lstmrec.model.softmax import Targets, exact_softmax, gemm_dtype


def test_float64_and_slow_hardware_keep_their_dtype() -> None:
    assert gemm_dtype(torch.zeros(1).double()) == torch.float64
    assert gemm_dtype(torch.zeros(1)) in (torch.float32, torch.bfloat16)


def test_no_gradient_is_made_where_none_is_asked_for() -> None:
    targets = Targets(torch.tensor([0]), torch.tensor([3]), torch.tensor([1.0]))
    query, vectors, bias = torch.zeros(1, 4), torch.zeros(5, 4), torch.zeros(5)
    value = exact_softmax(query, vectors, bias, targets, None, None, 8, 0.0)
    torch.testing.assert_close(value, torch.tensor(5.0).log())
    assert not value.requires_grad


def test_a_wide_catalogue_shrinks_the_chunk(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    rows = []
    chunk = softmax._chunk
    monkeypatch.setattr(softmax, "_FLOATS", 30)
    monkeypatch.setattr(softmax, "_chunk", lambda logits, *rest: rows.append(len(logits)) or chunk(logits, *rest))
    place = torch.arange(7)
    targets = Targets(place, place + 2, torch.ones(7))
    query = torch.randn(7, 4, requires_grad=True)
    exact_softmax(query, torch.randn(10, 4), torch.zeros(10), targets, None, None, 2048, 0.0).backward()
    assert rows == [3, 3, 1] and query.grad is not None and query.grad.any()
