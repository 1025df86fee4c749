"""A bundle and its item vectors as a folder for serving elsewhere: matrix, graphs, vocabularies, and what they mean.

What a reader needs stands in `manifest.json`, which is written last: a folder without it is not whole. No pyspark here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import lstmrec
from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError, ResourceError
from lstmrec.contracts.ids import FIRST, PADDING, UNKNOWN
from lstmrec.contracts.manifest import Manifest
from lstmrec.contracts.units import DAY_S
from lstmrec.model.history import TINY
from lstmrec.model.net import Net
from lstmrec.model.newcomers import no_event
from lstmrec.model.spec import NetSpec
from lstmrec.model.stepwise import graphs
from lstmrec.scoring import graphs as written
from lstmrec.scoring import items as item_files
from lstmrec.scoring import worker

MANIFEST, FORMAT = "manifest.json", 1
SCORE = "vectors[item] . user + bias[item]"  # of cosines too: their lengths are in both vectors


def export(
    root: str, bundle: Manifest, vectors: Manifest, out: Path, formats: Sequence[str] = ("onnx",),
    index: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write the folder `out`, which is not there yet; returns its manifest.

    formats: some of onnx, torch. index: `usearch` for an approximate index beside the matrix.
    ConfigError C044 where `out` is there; DataError D406 for a net with attention, D840 where the item vectors are of
    another bundle, D841 where a table that training read is gone; ResourceError R841, R842 for packages that are not
    installed. What an error left half done is removed.
    """
    if vectors.parents.get("bundle") != bundle.fingerprint:
        raise DataError("D840", "the item vectors are of another bundle", f"item_vectors {vectors.version}, bundle "
                        f"{bundle.version}", "run score again, then export")  # fmt: skip
    net = worker.the_net(root, bundle.version)
    parts = graphs(net)
    try:
        out.mkdir(parents=True)
    except FileExistsError as error:
        raise ConfigError("C044", "it is there already: an export is never written over", str(out),
                          "name a new folder for each export") from error  # fmt: skip
    try:
        told: dict[str, Any] = {
            "format": FORMAT, "lstmrec": lstmrec.__version__, "as_of": vectors.as_of,
            "bundle": {"version": bundle.version, "digest": bundle.fingerprint},
            "item_vectors": {"version": vectors.version, "digest": vectors.fingerprint},
            "net": {"dim": net.spec.dim, "units": net.spec.units, "layers": net.spec.layers, "cosine": net.spec.cosine},
            "items": _items(out, net, root, vectors), "score": SCORE, "history": _history(net.spec),
            "graphs": written.write(out, parts, formats), **_inputs(out, net, root, bundle),
            "index": _usearch(out) if index == "usearch" else None,
        }  # fmt: skip
        listed = sorted(path for path in out.iterdir() if path.is_file())
        told["files"] = {p.name: {"bytes": p.stat().st_size, "sha256": files.sha256(str(p))} for p in listed}
        _json(out / MANIFEST, told, indent=1)
    except BaseException:
        shutil.rmtree(out)
        raise
    return told


def _items(out: Path, net: Net, root: str, vectors: Manifest) -> dict[str, Any]:
    item_files.write(out, net, root, vectors)
    opened = item_files.opened(out)
    _json(out / "item_ids.json", opened.ids.to_pylist())
    (out / "item_ids.arrow").unlink()  # the same, for readers that have Arrow
    return {"vectors": "items.npy", "bias": "bias.npy", "ids": "item_ids.json", "rows": len(opened.bias),
            "padding": PADDING, "unknown": UNKNOWN, "first": FIRST}  # fmt: skip


def _history(spec: NetSpec) -> dict[str, Any]:
    """What serving does about the items that the user had."""
    if spec.history == "learn":
        return {"setting": "learn", "serving": "the score of an item the user had is what graph `history` gives",
                "half_lives_days": list(spec.half_lives), "least_decayed": TINY, "seconds_a_day": DAY_S}  # fmt: skip
    hidden = spec.history == "filter"
    return {"setting": spec.history, "serving": "items the user had are left out" if hidden else "as they score"}


def _inputs(out: Path, net: Net, root: str, bundle: Manifest) -> dict[str, Any]:
    """How values become the inputs: vocabularies.json, and the profile's names and its numbers of no event."""
    told: dict[str, Any] = {"vocabularies": None, "profile": None}
    user = net.user
    if user.types is None and user.static is None and user.profile is None:
        return told
    sequences = versions.made_of(root, tables.SEQUENCES, bundle)
    if user.profile is not None:
        scalers = versions.made_of(root, tables.USER_PROFILES, sequences).facts["scalers"]
        told["profile"] = {"names": [name for name, _, _ in scalers], "no_event": list(no_event(scalers))}
    if user.types is not None or user.static is not None:
        words = versions.made_of(root, tables.VOCABULARY, sequences)
        names = (
            [] if user.static is None else versions.made_of(root, tables.ENCODED_USERS, sequences).facts["static_names"]
        )
        rows = pa.concat_tables([_part(root, words, f.path) for f in words.files]).to_pylist() if words.files else []
        ids = {key: {r["value"]: r["id"] for r in rows if r["feature"] == feature}
               for key, feature in [("event_type", "event_type"), *((n, f"user:{n}") for n in names)]}  # fmt: skip
        static = {name: ids.pop(name) for name in names}
        _json(out / "vocabularies.json", {"event_type": ids["event_type"], "static": static})
        tail = int(words.config.get("normalise", {}).get("tail_buckets", 0))
        told["vocabularies"] = {
            "file": "vocabularies.json", "unknown": UNKNOWN, "static": list(names), "tail_buckets": tail,
            "tail": f"a demographic value without an id: {FIRST} + xxhash64(value, seed 42) mod tail_buckets, as Spark "
            "hashes text; 0 buckets: unknown",
        }  # fmt: skip
    return told


def _part(root: str, manifest: Manifest, path: str) -> pa.Table:
    place = files.join(versions.folder(root, manifest.table, manifest.version), "data")
    with files.open_read(files.join(place, path)) as source:
        return pq.read_table(source, columns=["feature", "value", "id"])


def _usearch(out: Path) -> dict[str, Any]:
    """An index of (vector, bias): its inner product with (user, 1) is the score."""
    try:
        from usearch.index import Index
    except ImportError as error:
        raise ResourceError("R842", "usearch is not installed", "lstmrec export --index usearch",
                            "pip install usearch") from error  # fmt: skip
    rows = np.hstack([np.load(out / "items.npy"), np.load(out / "bias.npy")[:, None]])[FIRST:]
    made = Index(ndim=rows.shape[1], metric="ip", dtype="f32")
    made.add(np.arange(FIRST, FIRST + len(rows)), rows)
    made.save(str(out / "items.usearch"))
    return {"kind": "usearch", "file": "items.usearch", "query": "(user, 1)", "keys": "rows of the item matrix",
            "exact": False}  # fmt: skip


def _json(path: Path, value: Any, indent: int | None = None) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")
