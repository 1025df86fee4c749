"""RecBole's GRU4Rec by its own trainer: width 128, hidden 128, one layer, cross-entropy over all items; a row a prefix.

    python with_recbole.py ROOT [--seconds 75] [--batch 2048] [--users 1000]

Runs in RecBole's environment, not in ours. RecBole writes every prefix out, padded to the length, in memory; so it is
given a sample of users with all items, which leaves a step what it is. One row is one real target.
"""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from meter import Meter, arguments
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.sequential_recommender import GRU4Rec
from recbole.trainer import Trainer

NAME = "events"


class Enough(Exception):
    """The meter has seen its seconds."""


def write(events: np.lib.npyio.NpzFile, folder: Path, users: int) -> None:
    """RecBole's own files: events of a sample of the users, and every item."""
    user, item = events["user"], events["item"]
    everyone = int(user[-1]) + 1
    kept = np.isin(user, np.random.default_rng(0).permutation(everyone)[:users])
    time = np.arange(len(user))[kept]
    rows = zip(user[kept].tolist(), item[kept].tolist(), time.tolist(), strict=True)
    folder.mkdir()
    (folder / f"{NAME}.inter").write_text(
        "user_id:token\titem_id:token\ttimestamp:float\n" + "".join(f"{u}\t{i}\t{t}\n" for u, i, t in rows)
    )
    (folder / f"{NAME}.item").write_text("item_id:token\n" + "".join(f"{i}\n" for i in range(int(events["items"]))))


def settings(args, place: str) -> dict:
    return {
        "data_path": place, "checkpoint_dir": place, "use_gpu": False, "show_progress": False, "state": "ERROR",
        "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id"]},
        "USER_ID_FIELD": "user_id", "ITEM_ID_FIELD": "item_id", "TIME_FIELD": "timestamp",
        "MAX_ITEM_LIST_LENGTH": args.length, "train_neg_sample_args": None, "train_batch_size": args.batch,
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"},
        "embedding_size": args.width, "hidden_size": args.width, "num_layers": 1, "loss_type": "CE",
    }  # fmt: skip


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--batch", type=int, default=2048, help="prefixes a step, its default")
    parser.add_argument("--users", type=int, default=1000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    meter, before = Meter(args.seconds, warm=1), [0]  # its steps are long
    with tempfile.TemporaryDirectory(dir=Path(args.root).resolve()) as place:
        write(np.load(Path(args.root, "events.npz")), Path(place, NAME), args.users)
        os.chdir(place)  # it leaves logs where it runs
        config = Config(model="GRU4Rec", dataset=NAME, config_dict=settings(args, place))
        train, _, _ = data_preparation(config, create_dataset(config))
        model = GRU4Rec(config, train.dataset)
        trainer = Trainer(config, model)

        def loss(batch):  # called as each step begins: the one before it has ended
            if before[0] and meter.step(before[0]):
                raise Enough
            before[0] = len(batch)
            return model.calculate_loss(batch)

        try:
            for epoch in range(10**6):
                trainer._train_epoch(train, epoch, loss_func=loss)
        except Enough:
            pass
    meter.tell(version=importlib.metadata.version("recbole"), torch=torch.__version__, users=args.users,
               items=model.n_items - 1)  # fmt: skip


if __name__ == "__main__":
    main()
