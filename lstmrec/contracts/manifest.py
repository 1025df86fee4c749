"""What a version says of itself: `_MANIFEST.json`, written last. Standard library only."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from lstmrec.contracts.errors import DataError
from lstmrec.contracts.tables import Table

NAME = "_MANIFEST.json"


@dataclass(frozen=True)
class DataFile:
    """One data file: path relative to the version's folder, rows (0 for files that are no tables), bytes, sha256.

    sha256 is empty for Parquet parts (their page checksums speak) and filled for bundles and reports.
    """

    path: str
    rows: int
    bytes: int = 0
    sha256: str = ""

    @property
    def partition(self) -> dict[str, str]:
        """Values of the partition folders in the path, as text."""
        return dict(p.split("=", 1) for p in self.path.split("/")[:-1] if "=" in p)


@dataclass(frozen=True)
class Manifest:
    """A committed version of a table. buckets: hash buckets its rows lie by (0: readers cannot count on any)."""

    table: str
    version: str
    major: int
    minor: int
    job: str
    job_version: int
    skip_key: str
    fingerprint: str
    as_of: str
    rows_in: int = 0
    rows_out: int = 0
    rows_rejected: int = 0
    seconds: float = 0.0
    parents: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    buckets: int = 0
    files: tuple[DataFile, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False)

    @staticmethod
    def from_json(text: str, where: str) -> Manifest:
        """Parse; DataError D101 naming `where` if it is not a whole manifest, each field of its type and no path that
        leads out of its folder."""
        try:
            raw = json.loads(text)
            if not isinstance(raw["files"], list):
                raise TypeError(f"files is no list: {str(raw['files'])[:80]!r}")
            raw["files"] = tuple(_typed(DataFile(**f)) for f in raw["files"])
            return _typed(Manifest(**raw))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise DataError("D101", f"not a manifest: {error}", where, "restore it, or run the job again") from error

    def check(self, contract: Table, where: str) -> None:
        """Refuse another table or another major contract (D102)."""
        if self.table != contract.name or self.major != contract.major:
            raise DataError(
                "D102",
                f"{self.table} of contract {self.major}.{self.minor} where {contract.name} {contract.major}.x is read",
                where,
                "run the job that writes it again with this version of lstmrec",
            )


#: A version, table or other name that becomes part of a path.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_TYPES: dict[str, Any] = {"str": str, "int": int, "float": (int, float), "tuple[DataFile, ...]": tuple}


_M = TypeVar("_M", "Manifest", DataFile)


def is_name(value: object) -> bool:
    """Whether a value can be a folder's name and nothing else: never a path."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _typed(made: _M) -> _M:
    """The same; TypeError or ValueError where a field is not what its annotation says, or leads elsewhere."""
    for f in fields(made):
        value, kind = getattr(made, f.name), _TYPES.get(str(f.type), Mapping)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise TypeError(f"{f.name} is no {f.type}: {str(value)[:80]!r}")
        if isinstance(value, int | float) and not 0 <= value < 2**63:
            raise ValueError(f"{f.name} is {value}")
    if isinstance(made, DataFile):
        parts = made.path.split("/")
        if not made.path or "\0" in made.path or "://" in made.path or {"", ".", ".."} & set(parts):
            raise ValueError(f"path {made.path[:80]!r} leads elsewhere")
    elif not is_name(made.version) or not is_name(made.table):
        raise ValueError(f"version {made.version[:80]!r} of {made.table[:80]!r} is no name")
    return made


def digest(value: Any) -> str:
    """sha256 of a JSON value, keys sorted: the same for equal values on any machine."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
