from __future__ import annotations

from typing import Any

import pytest
import torch

from lstmrec.contracts.errors import DataError
from lstmrec.contracts.units import DAY_S as DAY
from lstmrec.model import stepwise
from tests.model import steps, worlds


@pytest.mark.parametrize("kind", steps.KINDS)
@pytest.mark.parametrize("rows", [1, 6])
def test_stepping_is_the_forward_of_the_whole_window(kind: str, rows: int) -> None:
    net = worlds.net(**steps.KINDS[kind]).eval()
    batch = worlds.batch(rows=rows, seed=rows)
    assert steps.off(steps.in_torch(stepwise.graphs(net)), net, batch) < 1e-5


def test_a_walk_that_forgets_its_cell_is_seen() -> None:
    net = worlds.net(**worlds.RICH).eval()
    whole = steps.in_torch(stepwise.graphs(net))

    def forgetful(name: str, named: dict[str, Any]) -> Any:
        h, c, user = whole(name, named)
        return h, torch.zeros_like(c), user

    assert steps.off(forgetful, net, worlds.batch()) > 1e-3


def test_graphs_ask_for_what_the_net_reads_and_no_more() -> None:
    def asked(**change: Any) -> dict[str, list[str]]:
        return {name: [p.name for p in g.inputs] for name, g in stepwise.graphs(worlds.net(**change)).items()}

    assert asked() == {"start": ["users"], "step": ["h", "c", "item"]}
    assert asked(**worlds.RICH) == {
        "start": ["static", "profile"], "step": ["h", "c", "item", "type", "time", "gap", "profile"]
    }  # fmt: skip
    assert asked(use_profile=True, profile=0)["step"] == ["h", "c", "item"]
    assert set(asked(history="learn")) == {"start", "step", "history"}


def test_attention_has_no_state_of_one_size() -> None:
    with pytest.raises(DataError) as refused:
        stepwise.graphs(worlds.net(attention=True))
    assert refused.value.code == "D406" and "train.model.attention" in str(refused.value)


@torch.no_grad()
def test_own_scores_are_those_of_the_history_term() -> None:
    net = worlds.net(**worlds.RICH, history="learn").double().eval()
    batch, (vectors, bias) = worlds.batch(), net.item_vectors(worlds.catalogue())
    vectors, bias = vectors.double(), bias.double()
    query, row = net.user_vectors(batch, vectors), torch.arange(batch.rows)
    own = net.term(batch, row, batch.n, batch.cut, query, vectors, bias, len(vectors))
    graph, seen = stepwise.graphs(net)["history"], 0
    for u in range(batch.rows):
        facts = history(batch, u)
        items = [i for i in sorted(facts) if i >= 2]
        named = {name: torch.tensor([facts[i][name] for i in items], dtype=torch.float64)
                 for name in ("count", "decayed", "days")}  # fmt: skip
        named |= {"user": query[u : u + 1], "distinct": torch.tensor([float(len(facts))]).double()}
        named["base"] = vectors[items] @ query[u] + bias[items]
        got = graph(*(named[p.name] for p in graph.inputs))
        mine = own.place == u
        assert own.item[mine].tolist() == items
        torch.testing.assert_close(got, own.score[mine], rtol=0, atol=1e-9)
        seen += len(items)
    assert seen == len(own.item) > 10


def history(batch: Any, u: int) -> dict[int, dict[str, Any]]:
    """The plain count: item -> times had, decayed counts and days since the last, at the cut of user `u`."""
    now, start, lives = int(batch.cut[u]), int(batch.times[u, 0]), (30.0, 90.0)
    found: dict[int, dict[str, Any]] = {}
    for j, item in enumerate(batch.before_items[u].tolist()):
        if item:
            age = (now - start) / DAY
            decayed = [float(batch.before_decayed[u, i, j]) * 2 ** (-age / life) for i, life in enumerate(lives)]
            found[item] = {"count": int(batch.before_counts[u, j]), "decayed": decayed,
                           "last": int(batch.before_times[u, j])}  # fmt: skip
    for t in range(int(batch.n[u])):
        one = found.setdefault(int(batch.items[u, t]), {"count": 0, "decayed": [0.0, 0.0], "last": 0})
        time = int(batch.times[u, t])
        one["count"] += 1
        one["decayed"] = [d + 2 ** (-(now - time) / DAY / life) for d, life in zip(one["decayed"], lives, strict=True)]
        one["last"] = max(one["last"], time)
    for one in found.values():
        one["days"] = max(now - one["last"], 0) / DAY
    return found
