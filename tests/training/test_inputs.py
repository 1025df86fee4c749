"""What training starts from: sizes by the tables' facts, vectors where they are an input, tables of before."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.contracts.manifest import NAME
from lstmrec.training.inputs import read_catalogue, read_inputs
from tests import made
from tests.training import tables as written


def config(root: Path, inputs: list[str]) -> Config:
    plain = written.config(root, model={"inputs": ["id"]}).model_dump()
    plain["clean"]["items"] = {"path": ["i"], "vectors": {"image": "v"}}
    plain["train"]["model"]["inputs"] = inputs
    return Config.model_validate(plain)


def items(root: Path, facts: dict[str, Any]) -> None:
    """ENCODED_ITEMS anew, with vectors of 2 and 1 numbers, out of order."""
    rows = [{"item": n, "item_id": f"i{n}", "id": n, "count": 5, "tags": [], "text": [], "numeric": [],
             "vectors": [1, n, -n, 0, 0]} for n in reversed(range(2, 2 + written.ITEMS))]  # fmt: skip
    sizes = {"catalogue": written.ITEMS + 2, "trained": written.ITEMS + 2, "tags": 0, "text": 0, "numeric": 0}
    manifest = made.put(root, tables.ENCODED_ITEMS, rows, version="v2", facts={**sizes, **facts})
    assert versions.current(str(root), tables.ENCODED_ITEMS).version == manifest.version


def test_vectors_are_read_where_they_are_an_input(tmp_path: Path) -> None:
    written.write_all(tmp_path)
    items(tmp_path, {"vectors": [["image", 2], ["cover", 1]]})
    found = read_inputs(config(tmp_path, ["id", "vectors"]))
    assert found.spec.vectors == (2, 1) and found.spec.inputs == ("id", "vectors")
    n = np.arange(2, 2 + written.ITEMS, dtype=np.float32)
    plain = np.stack([n * 0 + 1, n, -n, n * 0, n * 0], 1)
    assert np.array_equal(found.catalogue.vectors.numpy(), np.concatenate([np.zeros((2, 5)), plain]))
    assert read_inputs(config(tmp_path, ["id"])).catalogue.vectors.shape == (written.ITEMS + 2, 0)


def test_vectors_that_nobody_has_are_named(tmp_path: Path) -> None:
    written.write_all(tmp_path)
    conf = config(tmp_path, ["id", "vectors"])
    with pytest.raises(ConfigError, match="C603"):  # a table of before, without the fact
        read_inputs(conf)
    items(tmp_path, {"vectors": []})
    with pytest.raises(ConfigError, match=r"(?s)C603.*image.*train.model.inputs"):
        read_inputs(conf)


def test_a_table_of_before_is_read(tmp_path: Path) -> None:
    written.write_all(tmp_path)
    found = read_inputs(config(tmp_path, ["id"]))
    assert found.spec.vectors == () and found.catalogue.vectors.shape == (written.ITEMS + 2, 0)
    manifest = versions.current(str(tmp_path), tables.ENCODED_ITEMS)
    assert np.array_equal(read_catalogue(str(tmp_path), manifest).ids[2:], np.arange(2, 2 + written.ITEMS))


def test_the_profile_of_no_event_is_that_of_the_scalers_the_sequences_were_made_with(tmp_path: Path) -> None:
    written.write_all(tmp_path)
    old, new = ([["events", 2.0, 4.0], ["value", -3.0, 1.5]], [["events", 9.0, 9.0]])
    made_with = made.put(tmp_path, tables.USER_PROFILES, [], version="v1", facts={"scalers": old})
    sequences = versions.current(str(tmp_path), tables.SEQUENCES)
    mine = replace(sequences, version="v9", parents={"user_profiles": made_with.fingerprint})
    shutil.copytree(tmp_path / "sequences" / sequences.version, tmp_path / "sequences" / "v9")
    (tmp_path / "sequences" / "v9" / NAME).unlink()
    versions.seal(str(tmp_path), mine)
    made.put(tmp_path, tables.USER_PROFILES, [], version="v2", facts={"scalers": new})
    conf = config(tmp_path, ["id"])
    assert read_inputs(conf).no_event == ()  # nobody asks for it
    conf = conf.model_copy(update={"train": conf.train.model_copy(update={"new_users": 0.1})})
    assert read_inputs(conf).no_event == (-0.5, 2.0)
