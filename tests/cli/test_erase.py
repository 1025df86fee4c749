"""`lstmrec erase` on a root made by hand: what goes, what waits, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lstmrec import files, versions
from lstmrec.cli import main
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.store import erase, erased
from lstmrec.store.publish import rollback
from tests import made
from tests.holding import holding

ID, OTHER = "u-gone", "u-stays"


def _sequence(who: str) -> dict[str, Any]:
    numbers = {c.name: 0 for c in tables.SEQUENCES.columns if c.kind in ("int", "bigint")}
    lists = {c.name: [] for c in tables.SEQUENCES.columns if c.kind.startswith("array")}
    return {**numbers, **lists, "role": "serve", "user_id": who}


def tables_of(root: Path, version: str, who: tuple[str, ...], **facts: Any) -> None:
    """A version of each table with users."""
    put = {"version": version}
    made.put(root, tables.EVENTS, [made.event(u, "a", 1, "train", 0) for u in who], **put)
    made.put(root, tables.SPLIT, [made.event(u, "a", 1, "train", 0) for u in who], **put)
    made.put(root, tables.USERS, [{"user_id": u, "attributes": []} for u in who], **put)
    made.put(root, tables.CORE, [{"kind": k, "id": u, "events": 1, "kept": True} for u in who for k in ("user", "item")
                                 if u == OTHER or k == "user"], **put)  # fmt: skip
    made.put(root, tables.REJECTS, [{"source": "events", "reject_reason": "x", "row": f'{{"u": "{u}"}}'} for u in who],
             facts=facts, **put)  # fmt: skip
    made.put(root, tables.RECOMMENDATIONS, [made.listed("model", "serve", u, ["a"]) for u in who], **put)
    made.put(root, tables.USER_PROFILES, [{"user_id": u, "boundary": 1, "raw": [], "encoded": []} for u in who],
             facts={"scalers": [["events", 1.0, 2.0]]}, **put)  # fmt: skip
    made.put(root, tables.USER_STATES, [], facts={"chain": []}, **put)


@pytest.fixture(scope="module")
def before(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Config]:
    """v1 of all tables holds them, v2 does not; a bundle was fitted with v1."""
    base = tmp_path_factory.mktemp("erase")
    root = base / "root"
    (base / "erase.csv").write_text(f"user_id\n{ID}\n")
    table = {"path": [str(base / "erase.csv")], "format": "csv", "options": {"header": "true"}}
    conf = made.config(root, erase={"table": table}, as_of="2018-01-03T00:00:00Z")
    mark = erased.asked(spark, conf).mark
    tables_of(root, "v1", (ID, OTHER))
    made.put(root, tables.SEQUENCES, [_sequence(ID), _sequence(OTHER)], facts={"types": 3})
    made.put(root, tables.LABELS, [{"user_id": ID, "position": 0, "item_id": "a", "role": "train"}])
    fitted = {name: "v1" for name in ("events", "core", "user_profiles", "encoded_users")}
    files.create(str(root / "bundle" / "v1" / "weights"), b"x")
    versions.seal_files(str(root), made.manifest(tables.BUNDLE, "v1", facts={"fitted": fitted}))
    for name, told in (("facts.json", {"people": [{"name": f"user {ID}"}]}), ("report.html", f"<b>user {ID}</b>")):
        files.create(str(root / "report" / "v1" / name), json.dumps(told).encode())
    versions.seal_files(str(root), made.manifest(tables.REPORT, "v1"))
    (root / "report.html").write_text(f"<b>user {ID}</b>")
    tables_of(root, "v2", (OTHER,), erasure=mark)
    first = json.dumps({"report": {"show_user": ID}, "as_of": "2018-01-01T00:00:00Z"})
    files.create(str(root / "_runs" / "000001" / "config.json"), first.encode())
    files.create(str(root / "_runs" / "000002" / "config.json"), b'{"as_of": "2018-01-02T00:00:00Z"}')
    for place in ("events/half/data/x.json", "_work/score/buckets-1/x.json", "_work/train/k/checkpoint.json"):
        files.create(str(root / place), (ID if "train" not in place else "weights").encode())
    for number, v in enumerate(("v1", "v2")):
        entry = json.dumps({"recommendations": v, "users": v}).encode()
        files.create(str(root / "_published" / f"00000{number}.json"), entry)
        for name in ("recommendations", "users"):
            versions.append(str(root), name, v, "live")
    return base, conf


def asked(before: tuple[Path, Config], tmp_path: Path, **more: Any) -> tuple[Path, Config, list[str]]:
    """A copy of the root, its config and the command line."""
    root = tmp_path / "root"
    shutil.copytree(before[0] / "root", root)
    conf = before[1].model_copy(update={"root": str(root), **more})
    (tmp_path / "c.yaml").write_text(conf.model_dump_json())
    return root, conf, ["erase", "-c", str(tmp_path / "c.yaml")]


def test_all_of_them_goes_and_what_was_fitted_stands(
    before: Any, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    root, _, line = asked(before, tmp_path)
    cached = tmp_path / "cache" / "files" / "0a" / "0a1b.parquet"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"x")
    (tmp_path / "cache").chmod(0o700)
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))
    there = holding(root, ID)
    assert main.call(line) == 0 and holding(root, ID) == there and "--yes does it" in capsys.readouterr().out
    assert main.call([*line, "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    does = {(h["table"], h["version"]): h["does"] for h in told["held"]}
    goes = ("labels", "recommendations", "rejects", "report", "split", "users")
    assert does == {(t, "v1"): "remove" for t in goes} | {
        (t, "v1"): "rewrite" for t in ("core", "events", "sequences", "user_profiles")
    } | {("events", "half"): "remove", ("_runs/000001", ""): "remove", ("report.html", ""): "remove",
         ("_work/score/buckets-1", ""): "remove"}  # fmt: skip
    assert holding(root, ID) == [] and len(holding(root, OTHER)) > 4 and not cached.exists()
    assert (root / "_work/train/k/checkpoint.json").exists() and (root / "_runs/000002").exists()
    core = versions.fitted(str(root), tables.CORE, "v1")
    assert core.rows_out == 2 and core.fingerprint == "print-core-v1"
    profiles = versions.fitted(str(root), tables.USER_PROFILES, "v1")
    assert profiles.rows_out == 0 and profiles.facts["scalers"] == [["events", 1.0, 2.0]]
    sequences = versions.current(str(root), tables.SEQUENCES)  # the head is still there for who asks what it was
    assert (sequences.rows_out, sequences.facts["types"], sequences.fingerprint) == (0, 3, "print-sequences-v1")
    assert main.call(line) == 0 and "nothing holds them" in capsys.readouterr().out
    assert versions.current(str(root), tables.EVENTS).version == "v2"
    assert main.call(["rollback", "-c", line[2]]) == 3 and "D830" in capsys.readouterr().err


def test_the_retention_is_waited_for(spark: Any, before: Any, tmp_path: Path) -> None:
    erase_ = before[1].erase
    root, conf, _ = asked(before, tmp_path, erase=erase_.model_copy(update={"keep_days": 2}))
    names = {f"user {ID}": ID}
    young = conf.model_copy(update={"as_of": "2018-01-02T00:00:00Z"})
    held = erase.found(spark, young, names)
    assert {h.does for h in held if h.version == "v1"} == {"wait"}
    erase.do(spark, young, held)
    assert (root / "users/v1").is_dir() and not (root / "events/half").exists()
    assert "wait" not in {h.does for h in erase.found(spark, conf, names)}
    assert rollback(str(root)) == {"recommendations": "v1", "users": "v1"}


def test_newest_and_published_tables_are_a_runs_to_make(before: Any, tmp_path: Path, capsys: Any) -> None:
    root, conf, line = asked(before, tmp_path)
    rollback(str(root))
    assert main.call([*line, "--yes"]) == 3
    assert "D842" in (said := capsys.readouterr().err) and "recommendations, users" in said
    made.put(root, tables.EVENTS, [], version="v3", facts={"chain": ["v1", "v2"]})
    assert main.call(line) == 3 and "events, recommendations" in capsys.readouterr().err
    asks = ["--set", f"report.show_user={ID}"]
    assert main.call([*line, *asks]) == 2 and "C840" in capsys.readouterr().err
    (tmp_path / "c.yaml").write_text(conf.model_copy(update={"erase": type(conf.erase)()}).model_dump_json())
    assert main.call(line) == 2 and "C840" in capsys.readouterr().err
    assert len(holding(root, ID)) > 9
