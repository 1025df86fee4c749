"""What a contract is made of. Standard library only: Spark, Arrow and numpy types derive from `kind`.

`kind` is a Spark DDL type (``bigint``, ``array<int>``, ``map<string,string>`` ...), so that a schema is the join of
`Column.ddl`; `contracts.kinds` turns the same words into Arrow and numpy types.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column: its name, kind, whether null may stand in it, and what it means (units included)."""

    name: str
    kind: str
    nullable: bool = False
    doc: str = ""

    @property
    def ddl(self) -> str:
        return f"`{self.name}` {self.kind}" + ("" if self.nullable else " NOT NULL")


@dataclass(frozen=True)
class Table:
    """A table's contract.

    key: columns whose values are unique together (empty: none). order: the columns rows are sorted by inside a group.
    invariants: name -> SQL that must hold for every row, checked in the one pass of `store.checks`. partitions:
    columns that become folders. cluster: columns whose rows of equal values lie in one file, sorted by them, then
    `order`. grows: a column, by whose values a version may hold the rows of some alone: `facts.chain` names the
    versions before it that hold the others, oldest first, and of each value the newest rows count. major moves when old
    readers break, minor when a nullable column is added.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    invariants: tuple[tuple[str, str], ...] = ()
    partitions: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    grows: str = ""
    major: int = 1
    minor: int = 0
    doc: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    @property
    def ddl(self) -> str:
        return ", ".join(c.ddl for c in self.columns)

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)
