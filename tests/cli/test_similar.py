from __future__ import annotations

import json
import math

from lstmrec.cli import main
from lstmrec.contracts import tables
from tests import made

VECTORS = {"a": [1.0, 0.0], "b": [0.0, 3.0], "c": [5.0, 5.0], "d": [0.0, 0.0]}


def test_nearest_first_with_titles_and_no_terminal_tricks(tmp_path, capsys):
    conf = made.root(tmp_path)
    rows = [{"item": n + 2, "item_id": i, "vector": v, "bias": 0.0} for n, (i, v) in enumerate(VECTORS.items())]
    made.put(tmp_path, tables.ITEM_VECTORS, rows[::-1], version="v2")
    file = str(tmp_path / "c.yaml")
    (tmp_path / "c.yaml").write_text(conf.model_dump_json())
    assert main.call(["similar", "a", "-c", file, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["similar"]
    assert [f["item_id"] for f in found] == ["c", "b", "d"], "ties by catalogue index"
    assert [round(f["cosine"], 6) for f in found] == [round(math.sqrt(0.5), 6), 0.0, 0.0]
    assert main.call(["similar", "b", "-c", file, "-k", "1"]) == 0
    out = capsys.readouterr().out
    assert "Bread" in out and "0.707" in out and "\x1b" not in out
    assert main.call(["similar", "z", "-c", file]) == 3
    assert "D822" in capsys.readouterr().err
