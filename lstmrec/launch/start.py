"""Who starts the ranks: one door, by `train.launch` and `train.comm`; and who starts them again when one has died."""

from __future__ import annotations

from collections.abc import Callable

from lstmrec.config.run import Config
from lstmrec.contracts.errors import ResourceError
from lstmrec.launch.processes import ENDED
from lstmrec.training.cache import BROKEN_OFF
from lstmrec.training.export import TrainResult, read_result


def start(conf: Config, work: str) -> TrainResult:
    """Train on the ranks that the config asks for; `work` as in `training.loop.train`.

    All ranks are started again from the newest checkpoint, up to `train.max_restarts` times, where one of them was
    killed, stood still, lost its storage, or fell over something that is neither data nor config nor missing here.
    Solo has no ranks to start again.
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
    restarting(lambda: run(conf, work), 0 if conf.train.launch == "solo" else conf.train.max_restarts)
    return read_result(work)


def restarting(run: Callable[[], None], times: int) -> None:
    """Call `run`, and again up to `times` times while it fails in a way that need not come again."""
    for left in range(times, -1, -1):
        try:
            return run()
        except ResourceError as error:
            if error.code not in (ENDED, BROKEN_OFF) or not left:
                raise
            print(f"train  {error.what}: restart {times - left + 1} of {times} from the newest checkpoint", flush=True)
