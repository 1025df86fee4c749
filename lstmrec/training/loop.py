"""The training loop: the one function that all launchers call, on every rank."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from lstmrec import files
from lstmrec.config.run import Config
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import digest
from lstmrec.model import memory
from lstmrec.model.batch import Batch, Catalogue
from lstmrec.model.build import build
from lstmrec.model.keys import Key
from lstmrec.model.loss import loss
from lstmrec.model.net import Net
from lstmrec.training.batches import Waits, portions
from lstmrec.training.cached_feed import CachedFeed, reachable
from lstmrec.training.checkpoint import Checkpoints
from lstmrec.training.comm import Comm, broadcast_text, sum_floats
from lstmrec.training.distill import Lesson, lesson
from lstmrec.training.export import TrainResult, export
from lstmrec.training.feed import Feed
from lstmrec.training.grown import begun
from lstmrec.training.inputs import Inputs, device_of, read_inputs
from lstmrec.training.log import Log
from lstmrec.training.plan import Plan, make_plan, role_files, shards_of
from lstmrec.training.prefetch import prefetched
from lstmrec.training.progress import Progress
from lstmrec.training.state import State
from lstmrec.training.step import Done, Learner, LossOf
from lstmrec.training.validate import Validation
from lstmrec.training.watch import Watchdog

OnEpoch = Callable[[Mapping[str, Any]], None]
"""What is called with each epoch's row of the log."""


@dataclass
class _Run:
    """What the epochs of one call share."""

    conf: Config
    comm: Comm
    feed: Feed
    inputs: Inputs
    catalogue: Catalogue
    learner: Learner
    validation: Validation | None
    kept: Checkpoints
    dog: Watchdog
    progress: Progress
    judged: OnEpoch
    lesson: Lesson | None = None
    state: State = field(default_factory=State)
    log: Log | None = None


@memory.kept()
def train(conf: Config, comm: Comm, feed: Feed, work: str, judged: OnEpoch = lambda row: None) -> TrainResult:
    """Train by `conf.train` on the newest tables below `conf.root`, going on from the newest checkpoint in `work`.

    work: a folder of this job alone, keyed by all that decides the result; rank 0 writes it (checkpoints, and in the
    end WORK/export: weights.safetensors, model.json, log.jsonl, result.json). Returns the same on every rank. The same
    call gives the same weights to the bit on a CPU with the same number of ranks, broken off and resumed or not.
    judged is called with each epoch's row of the log, once all is saved; what it raises ends the training.
    Raises DataError (data, not finite), ConfigError (ranks that do not fit), ResourceError.
    """
    shards_of(comm.rank, comm.size, conf.train.shards)
    device = device_of(conf.train, comm)
    inputs, feed = read_inputs(conf), reachable(conf, feed, comm)
    catalogue = inputs.catalogue.to(device)
    net = build(inputs.spec, conf.seed)
    first = begun(conf, inputs, net)
    net = net.to(device)
    taught = lesson(conf, inputs, catalogue)
    learner = Learner(net, _loss_of(net, inputs, catalogue, conf, taught), conf.train, comm, conf.seed)
    kept = Checkpoints(files.join(work, "checkpoints"), conf.train.keep_checkpoints)
    with Watchdog(conf.train.stall_s, comm.rank) as dog:
        validation = None
        if role_files(inputs.sequences.files, "validation"):
            validation = Validation(inputs.sequences.files, feed, inputs.place, comm, conf.train.validation_users)
        run = _Run(conf, comm, feed, inputs, catalogue, learner, validation, kept, dog,
                   Progress(comm.rank, conf.train.epochs), judged, taught)  # fmt: skip
        run.progress.say(learner.precision.said)
        _restore(run)
        if first is not None and not run.state.step:
            run.progress.say(first.said)
        if taught is not None:
            run.progress.say(taught.begin(run.state, validation, catalogue, lambda: dog.beat("judging the teachers")))
        run.log = Log(conf, work, comm.rank, run.state.step)
        with closing(run.log):
            while not run.state.done:
                _epoch(run)
                _judge(run)
    result = replace(run.state.result(), items=inputs.items.fingerprint, begun=None if first is None else asdict(first),
                     teacher=None if taught is None else taught.facts(run.state))  # fmt: skip
    # Ranks: only rank 0 writes; the others wait, so that who returns knows that the files are there.
    if comm.rank == 0:
        export(work, inputs.spec, kept.load(str(run.state.best))[0], run.state.log, result)
    comm.barrier()
    return result


def _loss_of(net: Net, inputs: Inputs, catalogue: Catalogue, conf: Config, taught: Lesson | None) -> LossOf:
    t, no_event = conf.train, torch.tensor(inputs.no_event, device=catalogue.ids.device)

    def of(batch: Batch, key: Key) -> tuple[Tensor, int, float]:
        return loss(net, batch, catalogue, key, chunk=t.chunk, label_smoothing=t.label_smoothing, kind=t.loss,
                    negatives=t.negatives, sample=t.label_positions, scale=t.scale,
                    calibration=t.calibration, half_life=t.recency_days,
                    teach=None if taught is None else taught.at(key.step), new_users=t.new_users,
                    no_event=no_event, power=t.position_power)  # fmt: skip

    return of


def _restore(run: _Run) -> None:
    """Take over the newest checkpoint, if any, on all ranks: only rank 0 needs to see the files."""
    tensors, saved = run.learner.tensors(), None
    expected = {"data": run.inputs.sequences.fingerprint, "spec": digest(run.inputs.spec.to_dict())}
    if run.comm.rank == 0 and (saved := run.kept.newest()) is not None:
        differs = [k for k, v in expected.items() if saved[1].get(k) != v]
        if differs or saved[0].keys() != tensors.keys():
            raise DataError("D637", f"the checkpoint is of another training: {differs or 'tensors'}", run.kept.folder,
                            "remove the folder to start anew")  # fmt: skip
        with torch.no_grad():
            for name, value in saved[0].items():
                tensors[name].copy_(value)
    fresh = State(data=expected["data"], spec=expected["spec"])
    run.state = State.from_json(broadcast_text(run.comm, State(**saved[1]).to_json() if saved else fresh.to_json()))
    run.comm.broadcast_([t.reshape(-1) for t in tensors.values()])
    if run.state.step:
        run.progress.say(f"goes on from step {run.state.step}, epoch {run.state.epoch + 1}")


def _epoch(run: _Run) -> None:
    """The rest of the current epoch."""
    state, t, comm = run.state, run.conf.train, run.comm
    plan = _plan(run, state.epoch)
    waits, before = Waits(), state.waited
    began = time.monotonic() - state.seconds
    mine = shards_of(comm.rank, comm.size, t.shards)
    if isinstance(run.feed, CachedFeed) and state.epoch + 1 < t.epochs:
        following = _plan(run, state.epoch + 1)
        run.feed.ahead(_paths(run, following, following.reads(mine)), _paths(run, plan, plan.reads(mine)))
    stream = portions(plan, run.feed, run.inputs.place, mine, rank=comm.rank, seed=run.conf.seed, epoch=state.epoch,
                      start=state.position, waits=waits)  # fmt: skip
    if run.learner.device.type == "cuda":
        waits = Waits()  # its own: the reader's are hidden behind the steps
        stream = prefetched(stream, run.learner.device, waits)
    with closing(stream):
        for portion in stream:
            if t.steps is not None and state.step >= t.steps:
                break
            run.dog.beat(f"epoch {state.epoch + 1}, step {state.step}: learning, or waiting for the other ranks")
            whole = state.epoch + portion.step / len(plan) if t.steps is None else state.step / t.steps * t.epochs
            done = run.learner.step(portion, state.step, whole)
            state.step += 1
            state.position = portion.step + 1
            state.loss += done.loss
            state.positions += done.positions
            state.rate = done.rate
            state.seconds, state.waited = time.monotonic() - began, before + waits.seconds
            _note(run, done, last=state.position == len(plan) or state.step == t.steps)
            if state.step % t.checkpoint_steps == 0 and state.position < len(plan):
                _save(run)
            run.progress.step(state.epoch, state.position, len(plan), state.loss, state.positions, state.seconds,
                              state.waited)  # fmt: skip
            run.dog.beat(f"epoch {state.epoch + 1}, step {state.step}: reading")


def _note(run: _Run, done: Done, last: bool) -> None:
    """A row of the log every `log_steps` steps, and at an epoch's end."""
    state = run.state
    state.window_loss += done.loss
    state.window_positions += done.positions
    if state.step % run.conf.train.log_steps and not last:
        return
    assert run.log is not None
    run.log.write({
        "kind": "step", "epoch": state.epoch + 1, "step": state.step,
        "loss": state.window_loss / max(state.window_positions, 1), "rate": state.rate,
        "positions": state.window_positions, "positions_s": state.positions / max(state.seconds, 1e-9),
        "starved": state.waited / max(state.seconds, 1e-9),
    })  # fmt: skip
    state.window_loss, state.window_positions = 0.0, 0


def _plan(run: _Run, epoch: int) -> Plan:
    t = run.conf.train
    return make_plan(run.inputs.sequences.files, seed=run.conf.seed, epoch=epoch, shards=t.shards, batch=t.batch)


def _paths(run: _Run, plan: Plan, chosen: Iterable[int]) -> list[str]:
    return [files.join(run.inputs.place, plan.files[i].path) for i in chosen]


def _judge(run: _Run) -> None:
    """Validate, note the epoch in the log, keep the weights if they are the best, and decide whether to go on."""
    state, t = run.state, run.conf.train
    began = time.monotonic()
    judged = None
    if run.validation is not None:
        where = f"epoch {state.epoch + 1}, step {state.step}: validating, or waiting for the other ranks"
        judged = run.validation.judge(run.learner.ema, run.catalogue, beat=lambda: run.dog.beat(where))  # type: ignore[arg-type]  # a Net, averaged or not
    waited = sum_floats(run.comm, [state.waited])[0] / run.comm.size
    state.epoch += 1
    row: dict[str, Any] = {
        "epoch": state.epoch, "step": state.step, "loss": state.loss / max(state.positions, 1),
        "ndcg_10": judged.ndcg if judged else None, "hr_10": judged.hr if judged else None, "rate": state.rate,
        "positions": state.positions, "positions_s": state.positions / max(state.seconds, 1e-9),
        "starved": waited / max(state.seconds, 1e-9), "seconds": state.seconds,
        "validation_s": time.monotonic() - began,
    }  # fmt: skip
    if run.lesson is not None:
        row["teacher"] = run.lesson.share(state.step - 1)
        if said := run.lesson.passed(state, judged):
            run.progress.say(said)
    state.log.append(row)
    assert run.log is not None
    run.log.write({"kind": "epoch", **row})
    # Without validation rows (a refit) the last epoch is the best.
    better = judged is None or state.best is None or judged.ndcg > float(state.best_row()["ndcg_10"])
    state.worse = 0 if better else state.worse + 1
    enough = state.epoch >= t.epochs if t.steps is None else state.step >= t.steps
    state.done = enough or state.worse >= t.patience
    if better:
        state.best, state.best_epoch = f"best-{state.step:08d}", state.epoch
        # Ranks: all hold the same weights; rank 0 writes them.
        if run.comm.rank == 0:
            run.kept.save_best(state.step, run.learner.ema.state_dict(), row)
    state.position, state.loss, state.positions, state.seconds, state.waited = 0, 0.0, 0, 0.0, 0.0
    _save(run)
    run.progress.epoch(row, better)
    run.judged(row)


def _save(run: _Run) -> None:
    # Ranks: all hold the same state but for their own seconds.
    if run.comm.rank == 0:
        run.kept.save(run.state.step, run.learner.tensors(), asdict(run.state))
    run.dog.beat(f"step {run.state.step}: checkpoint")
