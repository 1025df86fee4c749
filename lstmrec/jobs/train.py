"""s6_train: the ranks learn the net from the sequences; out comes a model bundle. No Spark session is needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lstmrec import files, versions
from lstmrec.config.run import Config
from lstmrec.config.train import TrainConfig
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest, digest
from lstmrec.store import daily, door, refit
from lstmrec.training import initial, teachers

if TYPE_CHECKING:
    from lstmrec.training.export import TrainResult

#: How the result is reached, not what it is: another number of ranks or another reader goes on with the same training.
#: (`steps`, `teacher`, `init_from` are no such things, but stand among the sources: a bundle without keeps its key.)
HOW = frozenset(("launch", "ranks", "hosts", "network", "comm", "reader", "device", "threads", "pin",
                 "steps", "teacher", "init_from", "checkpoint_steps", "keep_checkpoints", "stall_s", "max_restarts",
                 "cache_mb", "log_steps", "tensorboard", "mlflow"))  # fmt: skip

NEEDS = (tables.ENCODED_ITEMS, tables.SEQUENCES)
GIVES = (tables.BUNDLE,)
SECTIONS = ("seed", "sequence", *(f"train.{key}" for key in TrainConfig.model_fields if key not in HOW))
VERSION = 5
SPARK = False


def sources(conf: Config) -> dict[str, str]:
    """What a training depends on besides its tables and sections: the bundle it fits again, who teaches it, and what
    it begins with."""
    return refit.sources(conf) | teachers.sources(conf) | initial.sources(conf)


def run(spark: Any, conf: Config) -> Manifest:
    """Train, or go on from the last checkpoint of the same training; commit the best weights as a bundle."""
    from lstmrec.launch.start import start  # here, so that `lstmrec status` reads this module without torch
    from lstmrec.training.export import RESULT

    ticket = door.ticket(sys.modules[__name__], conf)
    work = files.join(conf.root, "_work", "train", ticket.skip_key[:12])
    own = refit.frozen(conf, refit.evaluated(conf)) if conf.flow == "refit" else conf
    result = start(initial.pinned(teachers.pinned(own)), work)

    version = versions.new_version(ticket.skip_key)
    place = versions.folder(conf.root, tables.BUNDLE.name, version)
    export = files.join(work, "export")
    for name in (n for n in files.names(export) if n != RESULT and not n.startswith(".")):
        with files.open_read(files.join(export, name)) as f:
            files.create(files.join(place, name), f.read())
    listed = versions.data_files(conf.root, tables.BUNDLE.name, version)
    # The log tells seconds, and no result depends on a clock: what the bundle is, is its net.
    fingerprint = digest([(f.path, f.sha256) for f in listed if f.path != "log.jsonl"])
    bundle = ticket.manifest(tables.BUNDLE, version, fingerprint=fingerprint, facts=_facts(conf, result))
    sealed = versions.seal(conf.root, replace(bundle, files=tuple(listed)))
    files.remove(work)  # the checkpoints have done their duty: --force means to train again
    return sealed


def _facts(conf: Config, result: TrainResult) -> dict[str, Any]:
    told = {"best epoch": f"{result.best_epoch} of {result.epochs}"}
    known: dict[str, Any] = {"flow": conf.flow, "fitted": daily.fitted.now(conf.root)}
    if result.ndcg is not None:
        told["ndcg@10"] = f"{result.ndcg:.4f}"
    if result.teacher is not None:
        known["teacher"] = result.teacher
        told["taught by"] = f"{len(result.teacher['bundles'])}"
        if result.teacher["ndcg_10"] is not None:
            told["taught by"] += f" at {result.teacher['ndcg_10']:.4f}"
    if result.begun is not None:
        known["init_from"] = result.begun
        told["begun with"] = f"{result.begun['known']:,} items, {result.begun['new']:,} new"
    told["positions/s"] = f"{result.positions / max(result.seconds, 1e-9):,.0f}"
    told["starved"] = f"{result.waited / max(result.seconds, 1e-9):.1%}"
    items = versions.current(conf.root, tables.ENCODED_ITEMS).fingerprint
    return {**known, "best_epoch": result.best_epoch, "epochs": result.epochs, "steps": result.steps,
            "ndcg_10": result.ndcg, "hr_10": result.hr, "items": items, "told": told}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    return door.main(sys.modules[__name__], argv)
