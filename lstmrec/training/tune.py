"""Hyper-parameters chosen by validation NDCG@10 and by nothing else (Optuna: Akiba et al. 2019).

Trials are tree-structured Parzen estimates (Bergstra et al. 2011), seeded; one that does worse at an epoch than half of
the trials before it is pruned there. The study is an append-only log: killed, it goes on where it stood, and the trial
that was under way from its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lstmrec.config.space import Range
from lstmrec.contracts.errors import ConfigError, DataError, ResourceError
from lstmrec.training.export import TrainResult
from lstmrec.training.loop import OnEpoch

Trainer = Callable[[dict[str, Any], OnEpoch], TrainResult]
"""(values by key, called with each epoch's row of the log) -> the training's result."""


@dataclass(frozen=True)
class Trial:
    """number from 0; state: complete, pruned or failed; value: best validation NDCG@10 seen; epochs: seen; error: why
    it failed."""

    number: int
    state: str
    value: float | None
    epochs: int
    values: dict[str, Any]
    error: str = ""


def search(path: str, space: Mapping[str, Range], trials: int, seed: int, trainer: Trainer,
           tell: Callable[[Trial], None] = lambda trial: None) -> list[Trial]:  # fmt: skip
    """Go on with the study at a local path until `trials` are done; all of them, by number.

    tell is called after each. ResourceError R656 where optuna is missing, ConfigError C042 where the study is of
    another space. A trial whose training raises a ConfigError or DataError is told as failed, and the search goes on.
    """
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise ResourceError("R656", "optuna is not installed", "lstmrec tune", "pip install 'lstmrec[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(path)), study_name="lstmrec", direction="maximize",
        load_if_exists=True, pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
    )  # fmt: skip
    _same(study, space, path)
    _revive(study, optuna)
    while (done := len(_finished(study))) < trials:
        # Keyed by the trial, so that a search broken off asks for the same as one that was not.
        study.sampler = optuna.samplers.TPESampler(seed=seed + done, n_startup_trials=min(8, max(2, trials // 3)))
        study.optimize(lambda trial: _objective(trial, space, trainer), n_trials=1, catch=(ConfigError, DataError))
        tell(_trial(_finished(study)[-1]))
    return [_trial(t) for t in _finished(study)]


def best(trials: list[Trial]) -> Trial:
    """The complete trial of the largest value, the first of equals; DataError D656 where there is none."""
    whole = [t for t in trials if t.state == "complete" and t.value is not None]
    if not whole:
        raise DataError("D656", f"none of {len(trials)} trials was completed", "lstmrec tune", "see their messages")
    return max(whole, key=lambda t: (t.value or 0.0, -t.number))


def _objective(trial: Any, space: Mapping[str, Range], trainer: Trainer) -> float:
    import optuna

    values = {key: _suggest(trial, key, of) for key, of in space.items()}
    seen = 0.0

    def judged(row: Mapping[str, Any]) -> None:
        nonlocal seen
        if row["ndcg_10"] is None:
            raise DataError(
                "D657", "no validation rows to choose by", "table sequences", "split with a validation role"
            )
        seen = max(seen, float(row["ndcg_10"]))
        trial.set_user_attr("epochs", int(row["epoch"]))
        # The best so far: a late stumble is what early stopping is for.
        trial.report(seen, int(row["epoch"]))
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        result = trainer(values, judged)
    except (ConfigError, DataError) as error:
        trial.set_user_attr("error", str(error))
        raise
    return seen if result.ndcg is None else result.ndcg


def _suggest(trial: Any, key: str, of: Range) -> Any:
    if of.choices is not None:
        return trial.suggest_categorical(key, of.choices)
    assert of.low is not None and of.high is not None
    if of.kind == "int":
        return trial.suggest_int(key, round(of.low), round(of.high), log=of.log)
    return trial.suggest_float(key, of.low, of.high, log=of.log)


def _same(study: Any, space: Mapping[str, Range], path: str) -> None:
    told = {key: of.model_dump(mode="json") for key, of in space.items()}
    known = study.user_attrs.get("space")
    if known is None:
        study.set_user_attr("space", told)
    elif known != told:
        raise ConfigError("C042", "the study there is of another search space", path, "another --name, or remove it")


def _revive(study: Any, optuna: Any) -> None:
    """What was under way when the process died is asked for again first."""
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params)


def _finished(study: Any) -> list[Any]:
    """Trials that ran to an end, if only to an error; those that died with their process are not counted."""
    return [t for t in study.trials if t.state.name in ("COMPLETE", "PRUNED") or "error" in t.user_attrs]


def _trial(found: Any) -> Trial:
    seen = list(found.intermediate_values.values())
    value = found.value if found.state.name == "COMPLETE" else (max(seen) if seen else None)
    state = {"COMPLETE": "complete", "PRUNED": "pruned"}.get(found.state.name, "failed")
    return Trial(found.number, state, value, int(found.user_attrs.get("epochs", 0)), dict(found.params),
                 str(found.user_attrs.get("error", "")))  # fmt: skip
