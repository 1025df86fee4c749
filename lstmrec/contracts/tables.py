"""Every table of the road by name, declared once; the one place to import them from."""

from __future__ import annotations

from lstmrec.contracts.cleaned import (
    CHOSEN,
    CORE,
    CUTS,
    EVENT_ORDER,
    EVENTS,
    HISTORY,
    ITEMS,
    REJECTS,
    ROLES,
    SEEN,
    SPLIT,
    USERS,
)
from lstmrec.contracts.encoded import (
    ENCODED_ITEMS,
    ENCODED_USERS,
    ITEM_PROFILES,
    SCALERS,
    SEQUENCES,
    USER_PROFILES,
    VOCABULARY,
    WINDOWS,
)
from lstmrec.contracts.results import (
    BUNDLE,
    CANDIDATES,
    ITEM_VECTORS,
    JUDGED,
    LABELS,
    METRICS,
    RECOMMENDATIONS,
    REPORT,
    USER_STATES,
)
from lstmrec.contracts.table import Column, Table

__all__ = [
    "ALL",
    "BUNDLE",
    "CANDIDATES",
    "CHOSEN",
    "CORE",
    "CUTS",
    "ENCODED_ITEMS",
    "ENCODED_USERS",
    "EVENTS",
    "EVENT_ORDER",
    "HISTORY",
    "ITEMS",
    "ITEM_PROFILES",
    "ITEM_VECTORS",
    "JUDGED",
    "LABELS",
    "METRICS",
    "RECOMMENDATIONS",
    "REJECTS",
    "REPORT",
    "ROLES",
    "SCALERS",
    "SEEN",
    "SEQUENCES",
    "SPLIT",
    "USERS",
    "USER_PROFILES",
    "USER_STATES",
    "VOCABULARY",
    "WINDOWS",
    "Column",
    "Table",
    "table",
]

ALL = (
    EVENTS, REJECTS, CORE, ITEMS, USERS, SEEN, SPLIT, CUTS, VOCABULARY, SCALERS, ENCODED_ITEMS, ENCODED_USERS, WINDOWS,
    USER_PROFILES, ITEM_PROFILES, SEQUENCES, BUNDLE, ITEM_VECTORS, USER_STATES, RECOMMENDATIONS, METRICS, REPORT,
    LABELS, CANDIDATES, JUDGED,
)  # fmt: skip


def table(name: str) -> Table:
    """The contract called `name`; KeyError where there is none."""
    return {t.name: t for t in ALL}[name]
