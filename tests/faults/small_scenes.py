"""More of what is done to files, as `scenes`: by a training, by processes of one host, by the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from unittest import mock

import fsspec
import torch

from lstmrec import files, versions
from lstmrec.cli import lock
from lstmrec.cli.run import new_run
from lstmrec.contracts import tables
from lstmrec.report import copies
from lstmrec.scoring import local
from lstmrec.store import touched
from lstmrec.training.cache import Cache
from lstmrec.training.checkpoint import Checkpoints
from lstmrec.training.log import JsonLines
from tests import made
from tests.faults import frames
from tests.faults.scenes import Scene, each

# Checkpoints of a training that goes on from the newest.


def tensors(step: int) -> dict[str, torch.Tensor]:
    return {"w": torch.full((8,), float(step)), "step": torch.tensor(step)}


def trained(root: str, last: int) -> None:
    kept = Checkpoints(root, 2)
    found = kept.newest()
    step, best = (0, None) if found is None else (int(found[1]["step"]), found[1]["best"])
    while step < last:
        step += 5
        if step % 10 == 0:
            best = kept.save_best(step, tensors(step), {"ndcg": step})
        kept.save(step, tensors(step), {"step": step, "best": best})


def newest(root: str) -> Any:
    found = Checkpoints(root, 2).newest()
    assert found is not None
    weights, state = found
    assert torch.equal(weights["w"], tensors(state["step"])["w"])
    assert state["best"] is None or Checkpoints(root, 2).load(state["best"])[1] == {"ndcg": int(state["best"][5:])}
    return state["step"], state["best"]


def further(seen: Any, old: Any, new: Any) -> bool:
    return bool(old[0] <= seen[0] <= new[0])


# What is counted: runs, and looks at a hold-out. Done again, it counts again.


def run(root: str) -> None:
    name = new_run(frames.config(root, 2))
    with mock.patch.multiple(lock, BEAT_S=0.02, MISSED=2, _beat=lambda *_: None), lock.locked(root, name):
        pass


def runs(root: str) -> Any:
    place = files.join(root, "_runs")
    found = [files.join(place, n, "config.json") for n in files.names(place)]
    return [files.whole_json(p)["seed"] for p in found if files.whole_json(p)]


def looks(root: str) -> Any:
    return [row["run"] for row in touched.touches(root, "test")]


def begins(seen: Any, new: Any) -> bool:
    return len(seen) >= len(new) and seen[: len(new)] == new


# A file of a remote root, fetched.

_FAR = "memory://faults-far/table/part-0.parquet"
_BYTES = b"PAR1" + bytes(range(256)) * 8 + b"PAR1"


def far(root: str) -> None:
    fsspec.filesystem("memory").pipe_file("/faults-far/table/part-0.parquet", _BYTES)


def fetch(root: str) -> None:
    cache = Cache(Path(root, "cache"), 3 * len(_BYTES))
    with cache.held([cache.find(_FAR)]) as (path,):
        assert Path(path).read_bytes() == _BYTES


def fetched(root: str) -> Any:
    return [p.read_bytes() == _BYTES for p in Path(root, "cache").glob("??/*.parquet")]


# Copies of a report for people.


def report(root: str, version: str) -> None:
    for name in copies.COPIED:
        files.create(files.join(versions.folder(root, "report", version), name), f"{name} of {version}".encode() * 9)
    versions.seal_files(root, made.manifest(tables.REPORT, version))
    copies.place(root, versions.current(root, tables.REPORT))


def copy(root: str) -> None:
    if "v2" not in versions.log(root, "report"):
        files.remove(versions.folder(root, "report", "v2"))
        report(root, "v2")
    copies.place(root, versions.current(root, tables.REPORT))


def shown(root: str) -> Any:
    return {name: Path(root, name).read_text() for name in copies.COPIED}


# A folder made once a host, and the log that a training appends to.


def once(root: str) -> None:
    def make(folder: Path) -> None:
        for n in range(2):
            (folder / f"{n}.npy").write_bytes(_BYTES)

    with mock.patch.dict(os.environ, LSTMREC_CACHE=root):
        local.once("items-" + "ab" * 16, make)


def once_seen(root: str) -> Any:
    return {p.name: p.read_bytes() == _BYTES for p in Path(root).glob("items-*/*")}


def log(root: str) -> None:
    rows = JsonLines(root, 2)  # from step 2: what stands after it is of the run that was broken off
    for step in (3, 4):
        rows.write({"kind": "step", "step": step})
    rows.close()


def log_old(root: str) -> None:
    Path(root, "log.jsonl").write_text("".join(json.dumps({"kind": "step", "step": n}) + "\n" for n in (1, 2, 9)))


def logged(root: str) -> Any:
    lines = Path(root, "log.jsonl").read_bytes().splitlines(keepends=True)
    return [json.loads(line)["step"] for line in lines if line.endswith(b"\n")]


def prefix(seen: Any, old: Any, new: Any) -> bool:
    """Rows are for people, and the training has its own in the checkpoints: a power cut may take some."""
    return bool(seen in (old[: len(seen)], new[: len(seen)]))


SMALL = (
    Scene("checkpoint", lambda r: trained(r, 15), lambda r: trained(r, 30), newest, further, keeps=False, remote=True),
    Scene("run number and lock", run, run, runs, ends=begins, remote=True),
    Scene("looks at test", lambda r: touched.touch(r, "test", {"run": "1"}),
          lambda r: touched.touch(r, "test", {"run": "2"}), looks, ends=begins, remote=True),
    Scene("cache", far, fetch, fetched),
    Scene("copies", lambda r: report(r, "v1"), copy, shown, each, keeps=False),
    Scene("once a host", lambda r: None, once, once_seen),
    Scene("log", log_old, log, logged, prefix, lambda seen, new: seen[-2:] == new[-2:],
          keeps=False),
)  # fmt: skip
