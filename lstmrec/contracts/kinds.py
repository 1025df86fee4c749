"""`Column.kind` (a Spark DDL type) as Arrow and numpy types: every type of the project derives from the contract.

The standard library alone at import; pyarrow is asked for only where an Arrow type is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lstmrec.contracts.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

#: kind -> numpy dtype, its Arrow twin has the same name but for `bool_`
_NUMPY = {"int": "int32", "bigint": "int64", "float": "float32", "double": "float64", "boolean": "bool"}
_ARROW = _NUMPY | {"string": "string", "binary": "binary", "boolean": "bool_"}


def numpy_dtype(kind: str) -> str:
    """dtype name of a scalar kind, or of an array's members; `object` for text. KeyError for bytes, maps, structs."""
    inner = kind[len("array<") : -1] if kind.startswith("array<") else kind
    return "object" if inner == "string" else _NUMPY[inner]


def arrow_type(kind: str) -> pa.DataType:
    """Arrow type of a kind; ValueError for a kind no contract uses."""
    import pyarrow as pa

    if kind in _ARROW:
        make: Any = getattr(pa, _ARROW[kind])
        return make()
    name, _, rest = kind.partition("<")
    inner = rest[:-1]
    if name == "array":
        return pa.list_(arrow_type(inner))
    parts = _split(inner)
    if name == "map":
        return pa.map_(arrow_type(parts[0]), arrow_type(parts[1]))
    if name == "struct":
        return pa.struct([(p.split(":", 1)[0], arrow_type(p.split(":", 1)[1])) for p in parts])
    raise ValueError(f"no Arrow type for kind {kind!r}")


def arrow_schema(table: Table) -> pa.Schema:
    """Arrow schema of a table, nullability included."""
    import pyarrow as pa

    return pa.schema([pa.field(c.name, arrow_type(c.kind), nullable=c.nullable) for c in table.columns])


def _split(text: str) -> list[str]:
    """Parts between the commas that stand outside any `<...>`."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char == "<") - (char == ">")
        if char == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]
