from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from lstmrec.config.load import load
from lstmrec.survey import columns, draft, scan
from lstmrec.survey.clock import Clock
from lstmrec.survey.table import opened


def test_odd_names_come_back_as_they_are(tmp_path: Path) -> None:
    """Every name and value of YAML's own, quotes and umlauts: what is written is what is read."""
    odd = {'a "b"': ["x"], "no": ["y"], "c: #d": [1_700_000_000], "Preis in €": ["1,50"], "it's": ["null"]}
    pq.write_table(pa.table(odd), tmp_path / "t.parquet")
    table = opened(str(tmp_path / "t.parquet"))
    facts = columns.facts(table.sample())
    chosen = {"user": 'a "b"', "item": "no", "time": "c: #d", "type": "it's", "value": "Preis in €"}
    clock = Clock(unit="s")
    counted = scan.count(table, 'a "b"', "no", "c: #d", clock)
    events = draft.Events(table, facts, chosen, clock)
    data = draft.config("runs/x", events, None, None, counted, 0.0)
    written = draft.text(data, events, counted, 0.0)
    assert yaml.safe_load(written) == data
    (tmp_path / "c.yaml").write_text(written)
    conf = load([str(tmp_path / "c.yaml")])
    assert conf.clean.events.user_id == 'a "b"' and conf.clean.events.item_id == "no"
    assert conf.clean.events.value == "translate(`Preis in €`, ',. €', '.')"
    assert all(f"# {line}" in written for line in ("Where tables, lists and the report go.",))


def test_an_order_without_a_clock(tmp_path: Path) -> None:
    pq.write_table(pa.table({"u": ["a", "a"], "i": ["x", "y"], "pos": [1, 2]}), tmp_path / "t.parquet")
    table = opened(str(tmp_path / "t.parquet"))
    events = draft.Events(table, columns.facts(table.sample()), {"user": "u", "item": "i", "position": "pos"}, None)
    counted = scan.count(table, "u", "i", None, None)
    written = draft.text(draft.config("r", events, None, None, counted, 0.0), events, counted, 0.0)
    (tmp_path / "c.yaml").write_text(written)
    conf = load([str(tmp_path / "c.yaml")])
    assert conf.clean.events.time is None and conf.clean.events.position == "pos"
    assert conf.split.by == "leave_last" and not conf.train.model.use_time
