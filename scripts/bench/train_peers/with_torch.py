"""The bare loop: the same net in plain torch over windows padded to one length, all in memory, no locked dropout.

    python with_torch.py ROOT [--seconds 75] [--batch 32]

An id-only item tower, LSTM, head, dot products with the tied item vectors, torch's own cross-entropy over all items at
all places, padding ignored by index, Adam, fp32. It reads the very windows that our own trainer reads (one phase of
SEQUENCES), so what differs is how they are trained on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import torch
from meter import Meter, arguments
from torch import Tensor, nn
from torch.nn import functional as F

from lstmrec import files, versions
from lstmrec.config.load import load
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.training.plan import role_files


def windows(conf: Config, length: int) -> npt.NDArray[np.int64]:
    """(N, length + 1): the items of each train window of one phase and the one after it, then 0s."""
    sequences = versions.current(conf.root, tables.SEQUENCES)
    place = files.join(versions.folder(conf.root, sequences.table, sequences.version), "data")
    found = [f for f in role_files(sequences.files, "train") if int(f.partition["phase"]) == 0]
    out = np.zeros((sum(f.rows for f in found), length + 1), np.int64)
    at = 0
    for file in found:
        table = pq.read_table(files.join(place, file.path), columns=["items", "n", "after_items", "n_after"],
                              partitioning=None)  # fmt: skip
        for items, n, after, later in zip(*(table[c].to_pylist() for c in table.column_names), strict=True):
            line = items[:n] + after[: min(later, 1)]
            out[at, : len(line)] = line
            at += 1
    return out


class Bare(nn.Module):
    def __init__(self, items: int, width: int, units: int) -> None:
        super().__init__()
        self.id = nn.Embedding(items, width, padding_idx=0)
        self.bias = nn.Parameter(torch.zeros(items))
        self.lstm = nn.LSTM(width, units, batch_first=True)
        self.head = nn.Linear(units, width)
        self.norms = nn.ModuleList(nn.LayerNorm(n) for n in (width, units, width))
        nn.init.constant_(self.norms[2].weight, width**-0.5)  # scores of unit size
        self.dropout = nn.ModuleList(nn.Dropout(p) for p in (0.2, 0.3))

    def forward(self, items: Tensor) -> Tensor:
        """(B, L, items) scores of (B, L) items."""
        vectors = self.norms[0](self.id.weight)
        x = self.dropout[0](vectors[items])
        y = self.dropout[1](self.norms[1](self.lstm(x)[0]))
        scores: Tensor = self.norms[2](self.head(y) + x) @ vectors.T + self.bias
        return scores


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--batch", type=int, default=32)
    args = parser.parse_args()
    torch.set_num_threads(1)
    conf = load([str(Path(args.root, "conf.json"))])
    lines = torch.from_numpy(windows(conf, args.length))
    items = int(versions.current(conf.root, tables.ENCODED_ITEMS).facts["trained"])
    net = Bare(items, args.width, conf.train.model.units)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    meter = Meter(args.seconds)
    share = float((lines[:, 1:] > 0).float().mean())
    while True:
        for rows in torch.randperm(len(lines)).split(args.batch):
            batch = lines[rows]
            targets = batch[:, 1:].flatten()
            loss = F.cross_entropy(net(batch[:, :-1]).flatten(0, 1), targets, ignore_index=0)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            if meter.step(int((targets > 0).sum())):
                meter.tell(real_share=share, loss=float(loss.detach()), version=torch.__version__)
                return


if __name__ == "__main__":
    main()
