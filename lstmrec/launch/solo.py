"""One rank, in this process: with the arrow reader it needs neither Horovod nor petastorm. The oracle of the rest."""

from __future__ import annotations

from lstmrec.config.run import Config
from lstmrec.launch.rank import feed_of
from lstmrec.training.comm import Solo
from lstmrec.training.loop import train


def run(conf: Config, work: str) -> None:
    """Train here."""
    train(conf, Solo(), feed_of(conf, 0), work)
