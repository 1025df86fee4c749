"""RecTools' SASRec, its own `recommend`: from its Dataset to a pandas frame on disk.

    python with_rectools.py WORK --items 3400 --users 8192 [--length 50] [--batch 256] [--k 10] [--width 128]

Runs in RecTools' environment, not in ours. Random histories of full length, one step of training, its defaults (2
blocks, 4 heads), items already seen are not filtered. The last line is one JSON object.
"""

from __future__ import annotations

import importlib.metadata
import warnings

import numpy as np
import pandas as pd
import torch
from clock import Clock
from pytorch_lightning import Trainer
from rectools.dataset import Dataset
from rectools.models import SASRecModel
from told import arguments

LIGHTNING = {"accelerator": "cpu", "devices": 1, "max_steps": 1, "logger": False, "enable_checkpointing": False,
             "enable_progress_bar": False, "enable_model_summary": False}  # fmt: skip


def main() -> None:
    args = arguments(__doc__).parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    args.work.mkdir(parents=True, exist_ok=True)
    events = args.users * args.length
    item = np.random.default_rng(1).permutation(np.arange(events) % args.items)
    frame = pd.DataFrame({"user_id": np.repeat(np.arange(args.users), args.length), "item_id": item, "weight": 1.0,
                          "datetime": pd.to_datetime(np.arange(events), unit="s")})  # fmt: skip
    model = SASRecModel(n_factors=args.width, session_max_len=args.length, batch_size=128,
                        recommend_batch_size=args.batch, get_trainer_func=lambda: Trainer(**LIGHTNING))  # fmt: skip
    dataset = Dataset.construct(frame)
    model.fit(dataset)
    model.recommend(users=np.arange(args.batch), dataset=dataset, k=args.k, filter_viewed=False)  # warm
    clock = Clock()
    rows = model.recommend(users=np.arange(args.users), dataset=dataset, k=args.k, filter_viewed=False)
    rows.to_csv(args.work / "rectools-lists.csv")  # its environment has no Parquet writer
    assert len(rows) == args.users * args.k
    clock.tell(args.users, args.items, version=importlib.metadata.version("rectools"), torch=torch.__version__)


if __name__ == "__main__":
    main()
