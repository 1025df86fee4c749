"""Who starts the ranks: one door, by `train.launch` and `train.comm`."""

from __future__ import annotations

from lstmrec.config.run import Config
from lstmrec.training.export import TrainResult, read_result


def start(conf: Config, work: str) -> TrainResult:
    """Train on the ranks that the config asks for; `work` as in `training.loop.train`.

    Raises what a rank raised, or ResourceError R641 naming the rank that ended without a word.
    """
    if conf.train.launch == "solo":
        from lstmrec.launch.solo import run
    elif conf.train.launch == "on_spark":
        from lstmrec.launch.on_spark import run
    elif conf.train.comm == "torch":
        from lstmrec.launch.local import run
    else:
        from lstmrec.launch.horovodrun import run
    run(conf, work)
    return read_result(work)
