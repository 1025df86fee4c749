"""RePlay's SASRec by its own Lightning module and Parquet reader: width 128, else its defaults, full cross-entropy.

    python with_replay.py ROOT [--seconds 75] [--batch 32]

Runs in RePlay's environment, not in ours. A user is their last 201 events, padded to that.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
from pathlib import Path

import lightning
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from meter import LIGHTNING, Meter, arguments
from replay.data import FeatureHint, FeatureSource, FeatureType
from replay.data.nn import ParquetModule, TensorFeatureInfo, TensorFeatureSource, TensorSchema
from replay.nn.lightning import LightningModule
from replay.nn.sequential import SasRec
from replay.nn.transform.template import make_default_sasrec_transforms


class Steps(lightning.Callback):
    def __init__(self, meter: Meter) -> None:
        self.meter = meter

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        trainer.should_stop = self.meter.step(int(batch["target_padding_mask"].sum()))


def write(events: np.lib.npyio.NpzFile, path: Path, length: int) -> None:
    """One row a user: `item_id`, the last `length` events as a list."""
    ends = np.append(np.flatnonzero(np.diff(events["user"])) + 1, len(events["user"]))
    lines = [line[-length:] for line in np.split(events["item"], ends[:-1])]
    lists = pa.ListArray.from_arrays(np.cumsum([0, *map(len, lines)]).astype(np.int32), np.concatenate(lines))
    pq.write_table(pa.table({"item_id": lists}), path)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--batch", type=int, default=32, help="users a step")
    args = parser.parse_args()
    torch.set_num_threads(1)
    events = np.load(Path(args.root, "events.npz"))
    items = int(events["items"])
    source = [TensorFeatureSource(FeatureSource.INTERACTIONS, "item_id")]
    schema = TensorSchema([
        TensorFeatureInfo("item_id", FeatureType.CATEGORICAL, is_seq=True, feature_hint=FeatureHint.ITEM_ID,
                          feature_sources=source, cardinality=items, padding_value=items, embedding_dim=args.width),
    ])  # fmt: skip
    meter = Meter(args.seconds)
    with tempfile.TemporaryDirectory(dir=args.root) as folder:
        path = Path(folder, "train.parquet")
        write(events, path, args.length + 1)
        data = ParquetModule(
            batch_size=args.batch, train_path=str(path), transforms=make_default_sasrec_transforms(schema),
            metadata={"train": {"item_id": {"shape": args.length + 1, "padding": items}}},
        )  # fmt: skip
        net = SasRec.from_params(schema, embedding_dim=args.width, max_sequence_length=args.length)
        trainer = lightning.Trainer(**LIGHTNING, limit_val_batches=0, callbacks=[Steps(meter)])
        trainer.fit(LightningModule(net), datamodule=data)
    meter.tell(version=importlib.metadata.version("replay-rec"), torch=torch.__version__)


if __name__ == "__main__":
    main()
