from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.config.train import TrainConfig
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.jobs import train as job
from lstmrec.model.build import load
from lstmrec.store import door
from tests.training.tables import config, write_all


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_all(tmp_path)
    return tmp_path


def key(conf: Config) -> str:
    return door.ticket(job, conf).skip_key


def test_it_commits_the_best_weights_and_then_skips(root: Path) -> None:
    first = door.walk(job, config(root, epochs=2, ema=0.9))
    assert first.state == "ok"
    manifest = versions.current(str(root), tables.BUNDLE)
    assert [f.path for f in manifest.files] == ["log.jsonl", "model.json", "weights.safetensors"]
    place = versions.verify_files(str(root), manifest)
    load(place)
    log = [json.loads(line) for line in Path(place, "log.jsonl").read_text().splitlines()]
    facts = manifest.facts
    assert (facts["epochs"], facts["items"]) == (2, "encoded_items-print")
    assert log[facts["best_epoch"] - 1]["ndcg_10"] == facts["ndcg_10"] == max(r["ndcg_10"] for r in log)
    assert log[facts["best_epoch"] - 1]["step"] == facts["steps"] and set(facts) >= {"hr_10", "told"}
    assert not (root / "_work" / "train" / manifest.skip_key[:12]).exists()  # its checkpoints have done their duty
    assert "best epoch" in door.line("train", first)

    again = door.walk(job, config(root, epochs=2, ema=0.9, stall_s=77))
    assert (again.state, again.manifest.version) == ("skip", manifest.version)
    forced = door.walk(job, config(root, epochs=2, ema=0.9), force=True)
    # Another bundle, the same net: what it is does not depend on how long it took.
    assert forced.manifest.version != manifest.version and forced.manifest.fingerprint == manifest.fingerprint


def test_what_makes_the_result_is_in_the_key_and_what_does_not_is_out(root: Path) -> None:
    base = key(config(root))
    hows: dict[str, Any] = {
        "teacher": {"weight": 0.3, "top": 7},  # of nobody
        "launch": "horovodrun", "ranks": 2, "comm": "torch", "reader": "petastorm", "device": "auto", "threads": 3,
        "checkpoint_steps": 3, "keep_checkpoints": 5, "stall_s": 9, "hosts": "a:1", "network": "eth0",
        "max_restarts": 0, "cache_mb": 7, "log_steps": 3, "tensorboard": True, "pin": False, "mlflow": "file:somewhere",
    }  # fmt: skip
    # `steps`, teachers and `init_from` make the result: they are in the key by way of the sources, where asked for.
    assert hows.keys() | {"steps", "init_from"} == job.HOW
    assert all(key(config(root, **{k: v})) == base for k, v in hows.items())
    whats: dict[str, Any] = {"epochs": 4, "shards": 4, "batch": 16, "ema": 0.5, "patience": 2, "loss": "sampled",
                             "steps": 7, "model": {"layers": 2}}  # fmt: skip
    assert all(key(config(root, **{k: v})) != base for k, v in whats.items())
    assert {s.removeprefix("train.") for s in job.SECTIONS if "." in s} == set(TrainConfig.model_fields) - job.HOW


def test_running_again_goes_on_from_the_checkpoint(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr("lstmrec.training.loop.export", dies)
        with pytest.raises(KeyboardInterrupt):
            door.walk(job, config(root, epochs=2))
    assert versions.log(str(root), "bundle") == []
    door.walk(job, config(root, epochs=2))
    said = capsys.readouterr().out
    assert said.count("train  epoch 1/2 · loss") == 1 and "goes on from step 12" in said
    assert len(versions.log(str(root), "bundle")) == 1


def taught(root: Path, *bundles: object, **more: Any) -> Config:
    teacher = {"bundles": [str(b) for b in bundles], "weight": 0.5, "temperature": 2.0, **more.pop("teacher", {})}
    return config(root, epochs=2, **more, teacher=teacher)


def refits(conf: Config) -> Config:
    return validate(conf.model_dump(mode="json") | {"flow": "refit"})


def test_a_bundle_taught_by_others_names_them_also_when_refitted(tmp_path: Path) -> None:
    other, root = tmp_path / "other", tmp_path / "root"
    for folder in (other, root):
        write_all(folder)
    first = door.walk(job, config(other, epochs=6)).manifest
    told = door.walk(job, taught(root, other)).manifest
    [teacher] = told.facts["teacher"]["bundles"]
    assert teacher["bundle"] == f"{other}#{first.version}" and teacher["ndcg_10"] == first.facts["ndcg_10"]
    assert told.parents["teacher.1"] == teacher["fingerprint"] and told.facts["told"]["taught by"] == "1 at 1.0000"
    assert door.walk(job, taught(root, f"{other}#{first.version}")).state == "skip"

    with pytest.raises(DataError, match=r"D671.*flow refit"):  # its catalogue is of all events
        door.walk(job, refits(taught(root, other)))
    again = door.walk(job, refits(config(other, epochs=6))).manifest
    with pytest.raises(ConfigError, match=r"C660.*train\.teacher"):
        door.walk(job, refits(taught(root, other, teacher={"weight": 0.25})))
    refitted = door.walk(job, refits(taught(root, other))).manifest
    assert refitted.facts["teacher"]["bundles"][0]["bundle"] == f"{other}#{again.version}"
    assert refitted.facts["teacher"]["until"] == told.facts["teacher"]["until"]
    damaged = Path(versions.folder(str(other), "bundle", again.version), "model.json")
    damaged.write_text(damaged.read_text() + " ")
    with pytest.raises(DataError, match="D673"):
        door.walk(job, refits(taught(root, other)), force=True)


def test_a_bundle_is_as_large_for_ten_times_the_users(tmp_path: Path) -> None:
    sizes = []
    for rows in (6, 60):
        write_all(tmp_path / str(rows), rows=rows, validation=rows)
        door.walk(job, config(tmp_path / str(rows), epochs=1))
        made = versions.current(str(tmp_path / str(rows)), tables.BUNDLE)
        sizes.append({f.path: f.bytes for f in made.files if f.path != "log.jsonl"})
    assert sizes[0] == sizes[1] and sizes[0]["weights.safetensors"] > 1_000
