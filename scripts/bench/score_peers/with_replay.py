"""RePlay's SASRec, its own prediction: Lightning's predict over its Parquet reader, top K, as a pandas frame on disk.

    python with_replay.py WORK --items 3400 --users 8192 [--length 50] [--batch 256] [--k 10] [--width 128]

Runs in RePlay's environment, not in ours. Random weights, random histories of full length, items already seen are not
filtered. The last line is one JSON object.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import lightning
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from clock import Clock
from replay.data import FeatureHint, FeatureSource, FeatureType
from replay.data.nn import ParquetModule, TensorFeatureInfo, TensorFeatureSource, TensorSchema
from replay.nn.lightning import LightningModule
from replay.nn.lightning.callback import PandasTopItemsCallback
from replay.nn.sequential import SasRec
from replay.nn.transform.template import make_default_sasrec_transforms
from told import arguments

LIGHTNING = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False,
             "enable_progress_bar": False, "enable_model_summary": False}  # fmt: skip


def main() -> None:
    args = arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    args.work.mkdir(parents=True, exist_ok=True)
    source = [TensorFeatureSource(FeatureSource.INTERACTIONS, "item_id")]
    schema = TensorSchema([
        TensorFeatureInfo("item_id", FeatureType.CATEGORICAL, is_seq=True, feature_hint=FeatureHint.ITEM_ID,
                          feature_sources=source, cardinality=args.items, padding_value=args.items,
                          embedding_dim=args.width),
    ])  # fmt: skip
    net = SasRec.from_params(schema, embedding_dim=args.width, max_sequence_length=args.length)
    module = LightningModule(net)

    def predict(users: int) -> None:
        items = np.random.default_rng(users).integers(0, args.items, users * args.length)
        offsets = pa.array(np.arange(users + 1, dtype=np.int32) * args.length)
        path = args.work / f"replay-{users}.parquet"
        pq.write_table(
            pa.table({"user_id": np.arange(users), "item_id": pa.ListArray.from_arrays(offsets, items)}), path
        )
        data = ParquetModule(
            batch_size=args.batch, predict_path=str(path), transforms=make_default_sasrec_transforms(schema),
            metadata={"predict": {"user_id": {}, "item_id": {"shape": args.length, "padding": args.items}}},
        )  # fmt: skip
        found = PandasTopItemsCallback(top_k=args.k, query_column="user_id", item_column="item_id")
        clock = Clock()
        lightning.Trainer(**LIGHTNING, callbacks=[found]).predict(module, datamodule=data, return_predictions=False)
        rows = found.get_result()
        rows.astype({"item_id": "int64", "rating": "float32"}).to_parquet(Path(args.work, "replay-lists.parquet"))
        assert len(rows) == users * args.k
        clock.tell(users, args.items, version=importlib.metadata.version("replay-rec"), torch=torch.__version__)

    predict(args.batch)  # warm
    predict(args.users)


if __name__ == "__main__":
    main()
