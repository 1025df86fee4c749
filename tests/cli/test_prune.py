from __future__ import annotations

import json

from lstmrec import versions
from lstmrec.cli import main
from lstmrec.cli.lock import locked
from lstmrec.contracts import tables
from tests import made


def test_it_lists_and_removes_when_told_to(tmp_path, capsys):
    conf = made.config(tmp_path / "root")
    for n in range(1, 6):
        made.put(tmp_path / "root", tables.SPLIT, made.SPLIT, version=f"v{n}")
    (tmp_path / "root" / "split" / "half").mkdir()
    file = tmp_path / "c.yaml"
    file.write_text(conf.model_dump_json())
    asked = ["prune", "-c", str(file), "--keep", "2"]
    assert main.call(asked) == 0
    out = capsys.readouterr().out
    assert "3 versions" in out and "--yes does" in out and (tmp_path / "root/split/v1").is_dir()
    assert main.call([*asked, "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["removed"] and [v["version"] for v in told["versions"]] == ["v1", "v2", "v3"] and told["bytes"] > 0
    left = sorted(p.name for p in (tmp_path / "root/split").iterdir())
    assert left == ["_names", "half", "v4", "v5"]
    assert versions.current(conf.root, tables.SPLIT).version == "v5"
    assert main.call([*asked, "--yes", "--unfinished"]) == 0
    assert not (tmp_path / "root/split/half").exists()
    assert main.call(asked) == 0 and "nothing to remove" in capsys.readouterr().out
    with locked(conf.root, "other"):
        assert main.call(asked) == 4
    assert "R105" in capsys.readouterr().err
