"""What a net is: everything that decides its shapes and how it is trained and served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from lstmrec.contracts.errors import DataError


@dataclass(frozen=True)
class NetSpec:
    """Sizes and switches of a net; written as JSON beside its weights. Sizes count the reserved rows 0 and 1."""

    dim: int
    units: int
    layers: int = 1
    ffn: int = 0
    attention: bool = False  # over the hidden states, after the last layer
    cosine: bool = False  # score = cosine / temperature, which is learned, instead of the dot product
    inputs: tuple[str, ...] = ("id",)
    trained: int = 2  # rows of the id embedding: items [2, trained) have their own
    tags: int = 0  # tag vocabulary
    text: int = 0  # text buckets
    numeric: int = 0  # floats an item
    vectors: tuple[int, ...] = ()  # length of each named vector of the items
    types: int = 2  # event types
    static: tuple[int, ...] = ()  # size of each demographic's vocabulary
    profile: int = 0  # floats a user
    half_lives: tuple[float, ...] = ()  # days
    history: str = "filter"  # filter | learn | ignore
    objective: str = "next_item"  # next_item | next_basket | next_days
    horizon_days: int = 28
    max_after: int = 256  # later events a window keeps for its labels: at this many they may be incomplete
    use_static: bool = False
    use_profile: bool = False
    use_time: bool = False
    use_types: bool = False
    input_dropout: float = 0.0
    hidden_dropout: float = 0.0
    item_dropout: float = 0.0
    id_dropout: float = 0.0
    cold_bias: str = "rare"  # of items without a train event: rare | content

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as JSON holds it (tuples become lists)."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NetSpec:
        """The inverse of `to_dict`; DataError D402 names unknown or missing keys, and values of another type."""
        if not isinstance(data, Mapping):
            raise DataError("D402", f"model.json holds no object but {str(data)[:80]}", "model.json")
        defaults = cls(0, 0)
        wrong = sorted({f.name for f in fields(cls)} ^ set(data)) or [
            k for k, v in data.items() if not _like(v, getattr(defaults, k), k)
        ]
        if wrong:
            raise DataError("D402", f"model.json and this version differ in {', '.join(wrong)}", "model.json")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**values)


#: What the tuples of a spec hold.
_INNER: dict[str, Any] = {"inputs": str, "half_lives": (int, float)}


def _like(value: Any, default: Any, name: str) -> bool:
    """Whether a value of JSON can stand where the default does; sizes and rates are not negative."""
    if isinstance(default, tuple):
        inner: Any = _INNER.get(name, int)
        return isinstance(value, list | tuple) and all(
            isinstance(v, inner) and not isinstance(v, bool) and (isinstance(v, str) or v >= 0) for v in value
        )
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, str):
        return isinstance(value, str)
    if isinstance(default, float):
        return isinstance(value, int | float) and 0 <= value < 2**31
    return isinstance(value, int) and 0 <= value < 2**31
