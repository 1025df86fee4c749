"""What training starts from: the two tables, the net they ask for, the catalogue, and the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from lstmrec import files, versions
from lstmrec.config.run import Config
from lstmrec.config.train import TrainConfig
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError, ResourceError
from lstmrec.contracts.manifest import Manifest
from lstmrec.model.batch import Catalogue
from lstmrec.model.newcomers import no_event
from lstmrec.model.spec import NetSpec
from lstmrec.training.comm import Comm
from lstmrec.training.cores import settle

_ITEM_COLUMNS = ["item", "id", "count", "tags", "text", "numeric"]


@dataclass(frozen=True)
class Inputs:
    """The manifests of SEQUENCES and ENCODED_ITEMS, the data folder of the former (a local path or a URL), the net's
    spec, the catalogue (on the CPU), and the profile of users without an event."""

    sequences: Manifest
    items: Manifest
    place: str
    spec: NetSpec
    catalogue: Catalogue
    no_event: tuple[float, ...] = ()


def read_inputs(conf: Config) -> Inputs:
    """Read the newest tables below `conf.root`."""
    items = versions.current(conf.root, tables.ENCODED_ITEMS)
    sequences = versions.current(conf.root, tables.SEQUENCES)
    place = files.join(versions.folder(conf.root, sequences.table, sequences.version), "data")
    spec = spec_of(conf, items, sequences)
    catalogue = read_catalogue(conf.root, items, sum(1 + n for n in spec.vectors) if "vectors" in spec.inputs else 0)
    if len(catalogue) != int(items.facts["catalogue"]):
        raise DataError("D636", f"{len(catalogue):,} items where the manifest counts {items.facts['catalogue']:,}",
                        f"table encoded_items {items.version}")  # fmt: skip
    place = str(files.local(place)) if files.is_local(place) else place
    scalers: Sequence[Any] = ()
    if conf.train.new_users:
        scalers = versions.made_of(conf.root, tables.USER_PROFILES, sequences).facts["scalers"]
    return Inputs(sequences, items, place, spec, catalogue, no_event(scalers))


def read_catalogue(root: str, manifest: Manifest, vectors: int = 0) -> Catalogue:
    """The catalogue of a version of ENCODED_ITEMS, sorted by item. vectors: numbers an item there; 0: not read."""
    names = [*_ITEM_COLUMNS, *(["vectors"] if vectors else [])]
    place = files.join(versions.folder(root, manifest.table, manifest.version), "data")
    parts = []
    for listed in manifest.files:
        with files.open_read(files.join(place, listed.path)) as f:
            parts.append(pq.read_table(f, columns=names))
    table = pa.concat_tables(parts).sort_by("item")
    columns = {name: table.column(name).to_numpy() for name in _ITEM_COLUMNS}
    if vectors:  # as one matrix: a list an item would be copied one by one
        flat = [chunk.flatten().to_numpy() for chunk in table.column("vectors").chunks]
        columns["vectors"] = np.concatenate(flat).reshape(-1, vectors)
    return Catalogue.of(columns)


def spec_of(conf: Config, items: Manifest, sequences: Manifest) -> NetSpec:
    """The net that a config asks for, over the sizes that the tables tell; ConfigError C603 for vectors where no train
    item has one."""
    model, sequence = conf.train.model, conf.sequence
    vectors = tuple(int(n) for _, n in items.facts.get("vectors", ()))
    if "vectors" in model.inputs and not vectors:
        named = list(conf.clean.items.vectors) if conf.clean.items else []
        raise ConfigError("C603", f"no item of train events has a vector ({', '.join(named) or 'none is named'})",
                          "train.model.inputs", "name some in clean.items.vectors, or leave vectors out")  # fmt: skip
    learn = sequence.history == "learn"
    return NetSpec(
        dim=model.dim, units=model.units, layers=model.layers, ffn=model.ffn, attention=model.attention,
        cosine=model.cosine, inputs=tuple(model.inputs),
        trained=int(items.facts["trained"]), tags=int(items.facts["tags"]), text=int(items.facts["text"]),
        numeric=int(items.facts["numeric"]), vectors=vectors, types=int(sequences.facts["types"]),
        static=tuple(int(n) for n in sequences.facts["static"]), profile=int(sequences.facts["profile"]),
        half_lives=tuple(sequence.half_lives_days) if learn else (), history=sequence.history,
        objective=sequence.objective, horizon_days=sequence.horizon_days, max_after=sequence.max_after,
        use_static=model.use_static, use_profile=model.use_profile, use_time=model.use_time, use_types=model.use_types,
        input_dropout=model.input_dropout, hidden_dropout=model.hidden_dropout, item_dropout=model.item_dropout,
        id_dropout=model.id_dropout, cold_bias=model.cold_bias,
    )  # fmt: skip


def device_of(conf: TrainConfig, comm: Comm) -> torch.device:
    """The device of this rank, after torch's threads are set; ResourceError R633 where cuda is asked for and absent."""
    # Ranks: those of a machine share its cores and its GPUs.
    settle(conf.threads, comm, conf.pin)
    gpus = torch.cuda.device_count() if conf.device != "cpu" and torch.cuda.is_available() else 0
    if gpus and comm.local_size > gpus:
        raise ResourceError("R636", f"{comm.local_size} ranks on a machine with {gpus} GPUs", "train.ranks",
                            "one rank a GPU, or --set train.device=cpu")  # fmt: skip
    if gpus:
        device = torch.device("cuda", comm.local_rank % gpus)
        torch.cuda.set_device(device)
        return device
    if conf.device == "cuda":
        raise ResourceError("R633", "no GPU that torch can use", "train.device: cuda", "--set train.device=auto")
    return torch.device("cpu")
