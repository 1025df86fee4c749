"""Makes the kept run of this minor: `python -m tests.upgrades.make` writes tests/upgrades/0.1.tar.xz.

A tiny shop walked by flow evaluate and published. Kept are its log, its tables and manifests, and of its bundle all but
the weights: these are `weights.write`'s, in making it as in reading it. No key holds a place: the root is in none, and
the source is read as a package's data, told apart by its content. Made anew until the minor is released, and never
after: it then stands for what users have.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from lstmrec.config.load import validate
from tests.daily import days
from tests.upgrades import weights

HERE = Path(__file__).resolve().parent
MINOR = "0.1"
KEPT = HERE / f"{MINOR}.tar.xz"
PACKAGE = "lstmrec_kept_source"  # the folder that is on the path, as a package's
SHAPES = "shapes.json"
LAST = days.FIRST - 1  # the day that the kept run was walked on
SMALL = {"sequence": {"max_length": 8, "classes": [], "phases": 1, "rows_per_file": 512, "files_multiple": 1}}


def config(place: Path, day: int = LAST, **more: Any) -> Any:
    """The run's config over what lies in `place`, which is on the path."""
    data = days.config(place / "root", Path(PACKAGE), day, **SMALL, **more).model_dump(mode="json")
    for name in ("events", "items", "users"):
        data["clean"][name]["path"] = [f"package://{PACKAGE}/{name}.parquet"]
    return validate(data)


def write_source(place: Path, day: int) -> None:
    """The log as it is at the end of a day."""
    days.Log(seed=5, days=2).write(place / PACKAGE, day)


def drawn(conf: Any, work: str) -> Any:
    """In place of a training: the net that the config asks for, its weights from a hash."""
    import torch
    from safetensors.torch import load_file

    from lstmrec.model.build import build
    from lstmrec.training.export import TrainResult, export
    from lstmrec.training.inputs import read_inputs

    inputs = read_inputs(conf)
    with torch.device("meta"):
        shapes = {k: tuple(v.shape) for k, v in build(inputs.spec, 0).state_dict().items()}
    with tempfile.TemporaryDirectory() as place:
        weights.write(Path(place, weights.WEIGHTS), shapes)
        tensors = load_file(str(Path(place, weights.WEIGHTS)))
    result = TrainResult(1, 1, 9, 0.1, 0.2, 99, 1.0, 0.0, inputs.items.fingerprint)
    export(work, inputs.spec, tensors, [{"epoch": 1, "step": 9, "ndcg_10": 0.1}], result)
    weights.write(Path(work, "export", weights.WEIGHTS), shapes)  # in 0.1's own bytes
    told = json.dumps({k: list(v) for k, v in shapes.items()}, indent=1, sort_keys=True)
    Path(conf.root).with_name(SHAPES).write_text(told)
    return result


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        sys.path.insert(0, folder)
        write_source(place, LAST)
        walk(config(place))
        for path in place.glob("root/bundle/*/" + weights.WEIGHTS):
            path.unlink()
        pack(place)
    print(f"{KEPT}: {KEPT.stat().st_size:,} bytes")


def walk(conf: Any) -> None:
    """s1 to s9 and a publication."""
    from pyspark.sql import SparkSession

    from lstmrec.cli import flows
    from lstmrec.launch import start
    from lstmrec.store import door
    from lstmrec.store.publish import publish
    from lstmrec.store.session import configured

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
    configured(spark)
    start.start = drawn
    for name in flows.JOBS:
        door.walk(importlib.import_module(f"lstmrec.jobs.{name}"), conf, spark=spark)
    publish(conf)
    spark.stop()


def pack(place: Path) -> None:
    """All that lies there, without Hadoop's checksums and marks."""
    with tarfile.open(KEPT, "w:xz", preset=9) as tar:
        for path in sorted(p for p in place.rglob("*") if p.is_file()):
            if path.name.endswith(".crc") or path.name == "_SUCCESS" or "_work" in path.parts:
                continue
            data, info = path.read_bytes(), tarfile.TarInfo(str(path.relative_to(place)))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    main()
