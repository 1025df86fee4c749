"""Which bundle is fitted again, and for how many steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lstmrec import files, versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.jobs import train
from lstmrec.store import refit
from lstmrec.store.commit import Ticket
from tests import made


def bundle(conf: Config, version: str, **facts: Any) -> Manifest:
    files.create(files.join(versions.folder(conf.root, "bundle", version), "weights"), version.encode())
    ticket = Ticket(conf.root, "train", 1, "k", conf.as_of, config=conf.section(*train.SECTIONS))
    facts = {"best_epoch": 3, "epochs": 8, "steps": 120, "flow": "evaluate"} | facts
    return versions.seal_files(conf.root, ticket.manifest(tables.BUNDLE, version, facts=facts))


def test_the_steps_of_the_best_epoch_at_its_rates(tmp_path: Path) -> None:
    conf = made.config(tmp_path, train={"epochs": 30})
    judged = bundle(conf, "v1")
    again = made.config(tmp_path, train={"epochs": 30}, flow="refit")
    bundle(again, "v2", flow="refit")  # an earlier refit is not what was evaluated
    assert refit.evaluated(again) == judged
    t = refit.frozen(again, judged).train
    assert (t.steps, t.epochs, t.schedule_epochs) == (120, 3, 30)
    assert refit.frozen(again, judged).split.by == "nothing"
    assert refit.sources(again) == {"refit": judged.fingerprint, "steps": "120"} and refit.sources(conf) == {}
    assert refit.sources(made.config(tmp_path, train={"steps": 9})) == {"steps": "9"}


def test_another_config_than_was_judged_is_refused(tmp_path: Path) -> None:
    bundle(made.config(tmp_path, train={"batch": 16}), "v1")
    with pytest.raises(ConfigError, match=r"C660.*\n?.*train.batch"):
        refit.evaluated(made.config(tmp_path, flow="refit"))
    with pytest.raises(ConfigError, match="sequence"):
        refit.evaluated(made.config(tmp_path, flow="refit", train={"batch": 16}, sequence={"max_length": 9}))


def test_what_was_judged_began_elsewhere(tmp_path: Path) -> None:
    """Weights to begin with want other steps: a refit begins with some where the evaluated bundle did."""
    other = {"train": {"init_from": str(tmp_path / "older")}}
    judged = bundle(made.config(tmp_path), "v1")
    assert refit.evaluated(made.config(tmp_path, flow="refit")) == judged
    with pytest.raises(ConfigError, match=r"C660.*train.init_from"):
        refit.evaluated(made.config(tmp_path, flow="refit", **other))
    began = bundle(made.config(tmp_path), "v2", init_from={"bundle": "older#v1"})
    assert refit.evaluated(made.config(tmp_path, flow="refit", **other)) == began


def test_nothing_was_evaluated(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="D660"):
        refit.evaluated(made.config(tmp_path, flow="refit"))


def test_an_older_bundle_that_says_no_flow_was_evaluated(tmp_path: Path) -> None:
    conf = made.config(tmp_path)
    place = versions.folder(conf.root, "bundle", "v1")
    files.create(files.join(place, "weights"), b"x")
    ticket = Ticket(conf.root, "train", 1, "k", conf.as_of, config=conf.section(*train.SECTIONS))
    old = versions.seal_files(conf.root, ticket.manifest(tables.BUNDLE, "v1", facts={"steps": 5, "best_epoch": 1}))
    assert refit.evaluated(made.config(tmp_path, flow="refit")) == old


def test_teachers_teach_as_long_as_they_did(tmp_path: Path) -> None:
    def conf(**more: Any) -> Config:
        lesson = {"bundles": ["there", "elsewhere"], "weight": 0.25, **more.pop("teacher", {})}
        return made.config(tmp_path, train={"teacher": lesson}, **more)

    judged = bundle(conf(), "v1", teacher={"asked": conf().train.teacher.asked(), "until": 40})
    other = conf(flow="refit", teacher={"bundles": ["a", "b"]})  # of other events they are other bundles
    assert refit.frozen(other, refit.evaluated(other)).train.teacher.steps == 40
    assert refit.frozen(other, judged).train.teacher.bundles == ["a", "b"]
    for wrong in ({"bundles": ["there"]}, {"top": 5}, {"bundles": []}):
        with pytest.raises(ConfigError, match=r"C660.*train\.teacher"):
            refit.evaluated(conf(flow="refit", teacher=wrong))
