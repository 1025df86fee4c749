"""Entries of `score.recommenders` that are made of others: in which order, how deep, and what cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lstmrec.config.recommenders import Blend, Recommender, Table

if TYPE_CHECKING:
    from lstmrec.config.score import ScoreConfig

#: Slices of validation users: weights of blends are fitted on the one half and judged by the other.
FITTED, JUDGED = "weights:fitted", "weights:judged"


def blends(entries: Sequence[Recommender]) -> list[Blend]:
    """The blends among the entries."""
    return [e for e in entries if isinstance(e, Blend)]


def fitted(entries: Sequence[Recommender]) -> list[Blend]:
    """Those whose weights are fitted."""
    return [e for e in blends(entries) if e.weights == "fit"]


def tables(entries: Sequence[Recommender]) -> list[Table]:
    """The entries that are lists of other runs."""
    return [e for e in entries if isinstance(e, Table)]


def parts(entries: Sequence[Recommender]) -> set[str]:
    """Names that a blend is made of."""
    return {name for e in blends(entries) for name in e.of}


def in_order(entries: Sequence[Recommender]) -> list[Recommender]:
    """The entries, parts before their blends, else as they stand. ValueError where a blend names nobody, or itself by
    any way."""
    known, done, out = {e.name: e for e in entries}, set[str](), list[Recommender]()

    def put(entry: Recommender, above: tuple[str, ...]) -> None:
        if entry.name in above:
            raise ValueError(f"blends in a circle: {' > '.join((*above, entry.name))}")
        if entry.name in done:
            return
        for name in entry.of if isinstance(entry, Blend) else []:
            if name not in known:
                raise ValueError(f"blend {entry.name} is of {name}, which is none of {sorted(known)}")
            put(known[name], (*above, entry.name))
        done.add(entry.name)
        out.append(entry)

    for entry in entries:
        put(entry, ())
    return out


def depths(entries: Sequence[Recommender], k: int) -> dict[str, int]:
    """Name -> how long its lists are made: k, or as deep as a blend looks."""
    found = {e.name: k for e in entries}
    for blend in blends(entries):
        for name in blend.of:
            found[name] = max(found[name], blend.depth)
    return found


def check(score: ScoreConfig, root: str) -> None:
    """ValueError for what no blend or table can be."""
    in_order(score.recommenders)
    if fitted(score.recommenders) and "validation" not in score.roles:
        raise ValueError("weights: fit needs role validation in score.roles; or write down the weights that a run with "
                         "it has found (facts.fitted of recommendations)")  # fmt: skip
    models = {e.name for e in score.recommenders if e.kind == "model"}
    for blend in blends(score.recommenders):
        if score.mode != "windows" and models & set(blend.of) and blend.depth > score.k:
            raise ValueError(f"score.mode {score.mode} keeps lists of score.k: blend {blend.name} of {sorted(models)} "
                             f"cannot look {blend.depth} deep, at most {score.k}")  # fmt: skip
    for table in tables(score.recommenders):
        if table.root.rstrip("/") == root:
            raise ValueError(f"table {table.name}: its root is this run's own")
