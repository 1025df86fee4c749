"""What s3's manifests say besides the rows: sizes of the model's inputs, and what people should know of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lstmrec.config.normalise import NormaliseConfig
from lstmrec.contracts.ids import FIRST
from lstmrec.frames import drift
from lstmrec.frames.scalers import Scaler
from lstmrec.frames.vectors import Vector
from lstmrec.frames.vocabulary import TAG, TYPE, USER


@dataclass(frozen=True)
class Facts:
    """Of one run of s3.

    attributes: demographics of the config. sizes: feature -> the row of `vocabulary.sizes`. catalogue: the row of
    `catalogue.sizes`. scalers, dropped, warned: of `scalers.fit` and `scalers.told`. vectors: of `vectors.fit`.
    drift: of `drift.indices`. grown_from: fingerprints of the tables whose ids are kept.
    """

    conf: NormaliseConfig
    attributes: Sequence[str]
    sizes: Mapping[str, Mapping[str, Any]]
    catalogue: Mapping[str, Any]
    scalers: Sequence[Scaler] = ()
    dropped: Sequence[str] = ()
    warned: Sequence[str] = ()
    vectors: Sequence[Vector] = ()
    drift: Sequence[Sequence[Any]] = ()
    grown_from: Mapping[str, str] = field(default_factory=dict)

    @property
    def static(self) -> list[str]:
        """Demographics that a train user has."""
        return [a for a in self.attributes if USER + a in self.sizes]

    def of_words(self) -> dict[str, Any]:
        """For VOCABULARY."""
        return {"types": self._size(TYPE, FIRST), "grown_from": dict(self.grown_from)}

    def of_users(self) -> dict[str, Any]:
        """For ENCODED_USERS: dropped are the attributes no train user has, warned those with one value."""
        alone = [f"{a} has one value" for a in self.static if self.sizes[USER + a]["n"] == 1]
        return {
            "static": [self._size(USER + a, 0) for a in self.static], "static_names": self.static,
            "dropped": [a for a in self.attributes if a not in self.static], "warned": alone,
        }  # fmt: skip

    def of_items(self) -> dict[str, Any]:
        """For ENCODED_ITEMS, which is committed last: it tells of all."""
        names = [s.name for s in self.scalers]
        users = self.of_users()
        known, lacking = [v for v in self.vectors if v.width], [v.name for v in self.vectors if not v.width]
        odd = [f"{v.name}: {v.others:,} vectors are not {v.width} numbers long" for v in known if v.others]
        warned = [*self.warned, *odd, *users["warned"], *drift.warned(self.drift, self.conf.drift_warn)]
        told = {"trained": f"{self.catalogue['trained']:,}", "tags": f"{self.sizes.get(TAG, {}).get('n', 0):,}"}
        if self.drift:
            feature, role, value = self.drift[0]
            told["largest drift"] = f"{feature} of {role}, PSI {value}"
        if known:
            told["vectors"] = ", ".join(f"{v.name} {v.width} ({v.items:,} items)" for v in known)
        if left := [*self.dropped, *lacking, *users["dropped"]]:
            told["without a value"] = ", ".join(left)
        if warned:
            told["warnings"] = f"{len(warned)}"
        return {
            "catalogue": FIRST + int(self.catalogue["items"]), "trained": int(self.catalogue["next"]),
            "tags": self._size(TAG, 0), "text": FIRST + self.conf.text_buckets if self.conf.text_buckets else 0,
            "numeric": 2 * len(names), "numeric_names": [*names, *(f"{n} missing" for n in names)],
            "vectors": [[v.name, v.width] for v in known], "gone": int(self.catalogue["gone"]),
            "dropped": [*self.dropped, *lacking], "warned": warned, "drift": [list(d) for d in self.drift],
            "grown_from": dict(self.grown_from), "told": told,
        }  # fmt: skip

    def _size(self, feature: str, none: int) -> int:
        return int(self.sizes[feature]["size"]) if feature in self.sizes else none
