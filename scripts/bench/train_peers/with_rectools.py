"""RecTools' SASRec by its own fit: width 128, its defaults otherwise (2 blocks, 4 heads, softmax over all items).

    python with_rectools.py ROOT [--seconds 75] [--batch 128]

Runs in RecTools' environment, not in ours. A user is their last 201 events, as its data preparator cuts them.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from meter import LIGHTNING, Meter, arguments
from pytorch_lightning import Callback, Trainer
from rectools.dataset import Dataset
from rectools.models import SASRecModel


class Steps(Callback):
    def __init__(self, meter: Meter) -> None:
        self.meter = meter

    def __deepcopy__(self, memo: dict) -> Steps:
        return self  # RecTools trains with a deep copy of the trainer

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        trainer.should_stop = self.meter.step(int((batch["yw"] != 0).sum()))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--batch", type=int, default=128, help="users a step, its default")
    args = parser.parse_args()
    torch.set_num_threads(1)
    events = np.load(Path(args.root, "events.npz"))
    user, item = events["user"], events["item"]
    order = pd.to_datetime(np.arange(len(user)), unit="s")
    frame = pd.DataFrame({"user_id": user, "item_id": item, "weight": 1.0, "datetime": order})
    meter = Meter(args.seconds)

    def trainer() -> Trainer:
        return Trainer(**LIGHTNING, callbacks=[Steps(meter)])

    model = SASRecModel(n_factors=args.width, session_max_len=args.length, batch_size=args.batch,
                        get_trainer_func=trainer)  # fmt: skip
    model.fit(Dataset.construct(frame))
    meter.tell(version=importlib.metadata.version("rectools"), torch=torch.__version__)


if __name__ == "__main__":
    main()
