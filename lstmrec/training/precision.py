"""In which numbers a rank computes: checked once, at the start."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lstmrec.config.train import TrainConfig
from lstmrec.contracts.errors import ResourceError
from lstmrec.model.softmax import gemm_dtype


@dataclass(frozen=True)
class Precision:
    """net: the net runs in bf16 (autocast); products: the loss may multiply in bf16; said: a log line."""

    net: bool
    products: bool
    said: str


def precision_of(conf: TrainConfig, device: torch.device) -> Precision:
    """What `train.precision` comes to on a device; ResourceError R635 where bf16 is asked for and cannot be had.

    On CPUs the net stays fp32: an LSTM in bf16 was slower there.
    """
    gpu = device.type == "cuda"
    has = gemm_dtype(torch.zeros(1, device=device)) == torch.bfloat16
    if conf.precision == "bf16" and not (gpu and has):
        raise ResourceError("R635", "no GPU that computes in bf16", "train.precision: bf16",
                            "--set train.precision=auto")  # fmt: skip
    fast = has and conf.precision != "fp32"
    where = torch.cuda.get_device_name(device) if gpu else f"cpu, threads {torch.get_num_threads()}"
    why = "" if fast else " (asked for)" if has else " (this hardware has no bf16 products)"
    said = (
        f"{where} · net in {'bf16' if gpu and fast else 'fp32'} · loss's products in {'bf16' if fast else 'fp32'}{why}"
    )
    return Precision(gpu and fast, fast, said)
