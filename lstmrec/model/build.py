"""Nets made, written and read back: weights as safetensors, the spec as JSON, never pickle."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lstmrec.contracts.errors import DataError
from lstmrec.model.net import Net
from lstmrec.model.spec import NetSpec

WEIGHTS, MODEL = "weights.safetensors", "model.json"


def build(spec: NetSpec, seed: int) -> Net:
    """A fresh net: the same weights for the same (spec, seed), the process-wide generator left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Net(spec)


def save(net: Net, folder: str) -> None:
    """Write weights.safetensors and model.json into an existing folder."""
    weights = {k: v.detach().cpu().contiguous() for k, v in net.state_dict().items()}
    save_file(weights, str(Path(folder, WEIGHTS)))
    Path(folder, MODEL).write_text(json.dumps(net.spec.to_dict(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def load(folder: str, device: torch.device | str = "cpu") -> Net:
    """The net of a folder, in eval mode. DataError D401 (missing, unreadable, or a spec no net can have), D402 (another
    spec), D404 (weights that are not this net's: keys and shapes listed, or not finite)."""
    try:
        spec = NetSpec.from_dict(json.loads(Path(folder, MODEL).read_text(encoding="utf-8")))
        weights = load_file(str(Path(folder, WEIGHTS)))
        with torch.device("meta"):  # shapes alone: sizes that the weights have not are never allocated
            wanted = {k: tuple(v.shape) for k, v in build(spec, 0).state_dict().items()}
    except (OSError, ValueError, RecursionError, SafetensorError, RuntimeError, TypeError, IndexError,
            ZeroDivisionError) as error:  # fmt: skip
        raise DataError("D401", f"cannot read the model: {error}", folder, "train again, or restore it") from error
    found = {k: tuple(v.shape) for k, v in weights.items()}
    wrong = [f"{k}: {found.get(k, 'absent')}, not {wanted.get(k, 'there')}"
             for k in sorted(wanted.keys() | found.keys()) if wanted.get(k) != found.get(k)]  # fmt: skip
    wrong += [f"{k}: not finite" for k, v in weights.items() if not bool(torch.isfinite(v).all())]
    if wrong:
        raise DataError("D404", f"weights do not fit the model: {'; '.join(wrong)}", folder)
    net = build(spec, 0)
    net.load_state_dict(weights)
    return net.to(device).eval()
