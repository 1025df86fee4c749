import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lstmrec.contracts.errors import DataError
from lstmrec.model.build import build, load, save
from lstmrec.model.spec import NetSpec
from tests.model import worlds


def test_a_saved_net_comes_back(tmp_path: Path) -> None:
    net = worlds.net(history="learn", **worlds.RICH)
    save(net, str(tmp_path))
    back = load(str(tmp_path))
    assert back.spec == net.spec and not back.training
    assert all(torch.equal(v, back.state_dict()[k]) for k, v in net.state_dict().items())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.json", "weights.safetensors"]


def test_the_same_seed_gives_the_same_net_and_leaves_the_generator_alone() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    a, b, c = build(worlds.spec(), 1), build(worlds.spec(), 1), build(worlds.spec(), 2)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(a.item.id.weight, b.item.id.weight) and not torch.equal(a.item.id.weight, c.item.id.weight)


def test_what_does_not_fit_is_refused_and_named(tmp_path: Path) -> None:
    net = worlds.net()
    save(net, str(tmp_path))
    file = str(tmp_path / "weights.safetensors")
    weights = load_file(file)
    weights["item.delta"], weights["extra"] = torch.zeros(3), torch.zeros(1)
    del weights["user.head.bias"]
    save_file(weights, file)
    with pytest.raises(DataError, match="D404") as error:
        load(str(tmp_path))
    assert all(name in str(error.value) for name in ("item.delta", "extra", "user.head.bias"))
    save(net, str(tmp_path))
    weights = load_file(file)
    weights["item.delta"][0] = torch.nan
    save_file(weights, file)
    with pytest.raises(DataError, match="not finite"):
        load(str(tmp_path))
    (tmp_path / "weights.safetensors").write_bytes(b"junk")
    with pytest.raises(DataError, match="D401"):
        load(str(tmp_path))


def test_spec_survives_json_and_refuses_other_keys(tmp_path: Path) -> None:
    spec = worlds.spec(**worlds.RICH)
    assert NetSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    with pytest.raises(DataError, match=r"D402.*convolution"):
        NetSpec.from_dict({**spec.to_dict(), "convolution": 1})
