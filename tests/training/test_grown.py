"""A training that begins with an older bundle: the same net where nothing has grown, and what new rows begin as."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables as contracts
from lstmrec.contracts.errors import ConfigError
from lstmrec.model.build import build, load
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.comm import Solo
from lstmrec.training.export import read_result
from lstmrec.training.grown import begun, differs, grow
from lstmrec.training.inputs import read_inputs
from lstmrec.training.loop import train
from tests import made
from tests.model.worlds import RICH, catalogue, spec
from tests.training import tables
from tests.training.tables import config
from tests.training.test_loop import BreaksOff, Broken, weights

NEW = 4  # items that a grown catalogue has more
ALL: dict[str, Any] = {**RICH, "inputs": ("id", "tags", "text", "numeric", "vectors"), "use_types": True,
                       "use_static": True}  # fmt: skip


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a bundle that has learnt its items."""
    root, work = tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("work")
    tables.write_all(root, rows=40)
    train(config(root), Solo(), ArrowFeed(), str(work))
    place = Path(versions.folder(str(root), "bundle", "v1"))
    place.mkdir(parents=True)
    for name in ("model.json", "weights.safetensors"):
        (place / name).write_bytes((work / "export" / name).read_bytes())
    told = made.manifest(contracts.BUNDLE, "v1", facts={"items": "encoded_items-print"})
    versions.seal_files(str(root), told)
    return root


def larger(root: Path, base: str = "encoded_items-print") -> Path:
    """The world of `old`, its catalogue NEW items larger; base: fingerprint of the one that it was grown from."""
    tables.write_all(root, rows=40)
    rows = [{"item": n, "item_id": f"i{n}", "id": n, "count": 5, "tags": [], "text": [], "numeric": []}
            for n in range(2, 2 + tables.ITEMS + NEW)]  # fmt: skip
    size = 2 + tables.ITEMS + NEW
    facts = {"catalogue": size, "trained": size, "tags": 0, "text": 0, "numeric": 0}
    told = {"grown_from": {"grown:encoded_items": base}}
    made.put(root, contracts.ENCODED_ITEMS, rows, version="v2", facts={**facts, **told})
    return root


def grown_from(base: Path, root: Path) -> Config:
    conf = config(root, init_from=str(base))
    return conf.model_copy(update={"normalise": conf.normalise.model_copy(update={"grow_from": str(base)})})


def learnt(change: dict[str, Any], seed: int) -> Any:
    """A net in which no weight stands at what a fresh net begins with."""
    net = build(spec(**change), seed)
    with torch.no_grad():
        for n, p in enumerate(net.parameters()):
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(n)) * 0.1)
    return net.eval()


def test_where_nothing_has_grown_the_net_is_the_bundle(old: Path) -> None:
    conf = config(old, init_from=f"{old}#v1")
    inputs = read_inputs(conf)
    net = build(inputs.spec, 99)
    first = begun(conf, inputs, net)
    there = load(versions.folder(str(old), "bundle", "v1")).state_dict()
    assert first is not None and (first.known, first.new) == (tables.ITEMS, 0)
    assert net.state_dict().keys() == there.keys()
    assert all(torch.equal(net.state_dict()[k], v) for k, v in there.items())
    assert begun(config(old), inputs, net) is None


def test_known_rows_stay_and_new_ones_are_the_unknown_one(old: Path, tmp_path: Path) -> None:
    conf = grown_from(old, larger(tmp_path))
    inputs = read_inputs(conf)
    net, there = build(inputs.spec, 99), load(versions.folder(str(old), "bundle", "v1"))
    first = begun(conf, inputs, net)
    assert first is not None and first.said.endswith(f"#v1: {tables.ITEMS} items known, {NEW} new")
    size = there.spec.trained
    assert torch.equal(net.item.id.weight[:size], there.item.id.weight)
    assert torch.equal(net.item.delta[:size], there.item.delta) and not net.item.delta[size:].any()
    assert torch.equal(net.item.id.weight[size:], there.item.id.weight[1].expand(NEW, -1))
    assert not torch.equal(there.item.id.weight[1], build(inputs.spec, 99).item.id.weight[1])
    rest = {k: v for k, v in net.state_dict().items() if not k.startswith("item.")}
    assert all(torch.equal(v, there.state_dict()[k]) for k, v in rest.items())


def test_every_vocabulary_grows_and_a_new_item_is_what_its_content_says() -> None:
    was = learnt(ALL, 1)
    now = build(spec(**ALL, trained=28, tags=11, types=6, static=(4, 5)), 2).eval()
    grow(now, was, torch.arange(24, 28))
    before, plain = catalogue(), catalogue(trained=28)
    mine, bias = now.item_vectors(plain)
    theirs, its = was.item_vectors(before)  # where items 24 to 27 are unknown
    assert torch.equal(mine, theirs) and torch.equal(bias, its)
    for name, rows in (("item.tags.weight", 9), ("user.types.weight", 4), ("user.static.1.weight", 4)):
        a, b = now.state_dict()[name], was.state_dict()[name]
        assert torch.equal(a[:rows], b) and torch.equal(a[rows:], b[1].expand(len(a) - rows, -1)), name


def test_an_id_that_lay_idle_begins_anew() -> None:
    was, now = learnt({}, 1), build(spec(), 2)
    grow(now, was, torch.tensor([7]))
    assert torch.equal(now.item.id.weight[7], was.item.id.weight[1]) and now.item.delta[7] == 0
    assert torch.equal(now.item.id.weight[8:], was.item.id.weight[8:])


def test_idle_ids_are_told_by_the_table_that_was_grown(old: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    rows = [{"item": n, "item_id": f"i{n}", "id": 1 if n == 5 else n, "count": 5, "tags": [], "text": [], "numeric": []}
            for n in range(2, 2 + tables.ITEMS)]  # fmt: skip
    made.put(base, contracts.ENCODED_ITEMS, rows, version="encoded", facts={})
    manifest = versions.current(str(base), contracts.ENCODED_ITEMS)
    assert manifest.fingerprint == "print-encoded_items-encoded"
    bundle = Path(versions.folder(str(base), "bundle", "v1"))
    bundle.mkdir(parents=True)
    for name in ("model.json", "weights.safetensors"):
        (bundle / name).write_bytes(Path(versions.folder(str(old), "bundle", "v1"), name).read_bytes())
    versions.seal_files(str(base), made.manifest(contracts.BUNDLE, "v1", facts={"items": manifest.fingerprint}))
    conf = grown_from(base, larger(tmp_path / "new", manifest.fingerprint))
    inputs = read_inputs(conf)
    net = build(inputs.spec, 99)
    first = begun(conf, inputs, net)
    assert first is not None and (first.known, first.new) == (tables.ITEMS - 1, NEW + 1)
    assert torch.equal(net.item.id.weight[5], load(str(bundle)).item.id.weight[1])


@pytest.mark.parametrize(("change", "said"), [
    ({"dim": 16}, "dim is 16 there, 8 here"), ({"trained": 30}, "trained is 30 there"), ({"text": 10}, "text is 10"),
    ({"vectors": (3, 4)}, "vectors"), ({"inputs": ("id", "tags")}, "inputs"), ({"static": (4,)}, "static"),
    ({"static": (4, 9)}, "static"), ({"history": "learn"}, "history"), ({"cold_bias": "content"}, "cold_bias"),
])  # fmt: skip
def test_another_net_is_told_by_what_differs(change: dict[str, Any], said: str) -> None:
    new = spec(**ALL)
    assert differs(new, new) == [] and any(d.startswith(said) for d in differs(replace(new, **change), new))


def test_what_is_no_shape_may_differ() -> None:
    new = spec(**ALL)
    assert differs(replace(new, hidden_dropout=0.5, objective="next_basket", history="ignore"), new) == []
    plain = spec()
    assert differs(replace(plain, tags=99, types=99, profile=7), plain) == []  # which this net does not look at


def test_another_net_is_refused(old: Path) -> None:
    conf = config(old, init_from=f"{old}#v1", model={"units": 8})
    inputs = read_inputs(conf)
    with pytest.raises(ConfigError, match=r"C664.*units is 12 there, 8 here"):
        begun(conf, inputs, build(inputs.spec, 1))


def test_a_training_that_begins_so_and_is_broken_off_goes_on_as_if_it_had_not(old: Path, tmp_path: Path,
                                                                               capsys: Any) -> None:  # fmt: skip
    root, bundle = larger(tmp_path / "root"), versions.folder(str(old), "bundle", "v1")
    conf = config(root, init_from=bundle, checkpoint_steps=2)
    whole = train(conf, Solo(), ArrowFeed(), str(tmp_path / "whole"))
    assert "begins with" in capsys.readouterr().out
    assert whole == read_result(str(tmp_path / "whole")) and whole.begun is not None and whole.begun["new"] == NEW
    with pytest.raises(Broken):
        train(conf, Solo(), BreaksOff(9), str(tmp_path / "on"))
    capsys.readouterr()
    train(conf, Solo(), ArrowFeed(), str(tmp_path / "on"))
    assert "begins with" not in capsys.readouterr().out
    assert weights(tmp_path / "on") == weights(tmp_path / "whole")
    anew = train(config(root), Solo(), ArrowFeed(), str(tmp_path / "anew"))
    assert anew.begun is None and weights(tmp_path / "anew") != weights(tmp_path / "whole")
    assert asdict(whole)["begun"]["known"] == tables.ITEMS
