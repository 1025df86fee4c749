"""What a first run should be like, from what there is: the split, lengths, sizes of the net, baselines."""

from __future__ import annotations

from typing import Any

from lstmrec.config.split import told
from lstmrec.survey.scan import Counted

_WINDOWS = (28, 14, 7, 3, 2, 1)
_REPEATS = 0.15
#: Events at most -> width of vectors, LSTM units, epochs, sequences a step.
SIZES = ((100_000, 32, 64, 8, 16), (1_000_000, 64, 128, 8, 32), (20_000_000, 128, 256, 6, 32), (None, 128, 256, 4, 64))
_SOFTMAX_ITEMS = 20_000


def as_of(counted: Counted) -> str:
    """The second after the last event: nothing lies in the future, and no clock is asked."""
    return told((counted.last_us // 1_000_000 + 1) * 1_000_000)


def split(counted: Counted) -> tuple[dict[str, Any], str]:
    """Section `split`, and why: two windows of the same length at the end where they leave most of the time to train
    on and hold events; else each user's last event."""
    last = counted.last_us if counted.days else 0
    for days in _WINDOWS if last else ():
        test = counted.after(last - days * 86_400_000_000)
        both = counted.after(last - 2 * days * 86_400_000_000)
        if 2 * days <= 0.4 * counted.span and test and both > test and both <= 0.5 * counted.events:
            return {"by": "time", "test_days": days, "validation_days": days}, f"{counted.span} days of events"
    why = "too few days to cut by time" if last else "no clock"
    return {"by": "leave_last", "last": 1}, why


def sequence(counted: Counted, repeats: float, cut: dict[str, Any]) -> dict[str, Any]:
    """Section `sequence`: what comes again is learnt where a clock tells how long ago it was; else it is hidden."""
    mean = counted.events / max(counted.users, 1)
    length = next((n for n in (32, 64, 128) if n >= 2 * mean), 200)
    if repeats >= _REPEATS and cut["by"] == "time":
        return {"objective": "next_days", "horizon_days": cut["test_days"], "history": "learn", "max_length": length}
    history = "ignore" if repeats >= _REPEATS else "filter"
    return {"objective": "next_item", "history": history, "max_length": length}


def train(counted: Counted, clock: bool, types: int, inputs: list[str], static: bool) -> dict[str, Any]:
    """Section `train`: sizes by the number of events, in one process that needs neither Horovod nor Petastorm."""
    _, dim, units, epochs, batch = next(s for s in SIZES if s[0] is None or counted.events <= s[0])
    model: dict[str, Any] = {"dim": dim, "units": units, "inputs": inputs}
    flags = {"use_static": static, "use_time": clock, "use_types": types > 1}
    model |= {name: True for name, on in flags.items() if on}
    if len(inputs) > 1:
        model["id_dropout"] = 0.1
    steps = max(counted.users // batch, 1)
    out: dict[str, Any] = {"launch": "solo", "reader": "arrow", "epochs": epochs, "patience": 2, "batch": batch,
                           "warmup_steps": min(500, steps)}  # fmt: skip
    if counted.items > _SOFTMAX_ITEMS:
        out |= {"loss": "sampled", "negatives": 4096 if counted.items > 200_000 else 2048}
    return out | {"model": model}


def score(cut: dict[str, Any], history: str) -> dict[str, Any]:
    """Section `score`: the model and baselines that a first run should beat."""
    recommenders: list[dict[str, Any]] = [{"kind": "model"}, {"kind": "popularity"}]
    if cut["by"] == "time":
        days = cut["test_days"]
        recommenders.append({"kind": "popularity", "name": f"popularity_{days}d", "days": days})
    if history != "filter":
        recommenders.append({"kind": "personal"})
    return {"k": 10, "recommenders": [*recommenders, {"kind": "item_knn"}]}
