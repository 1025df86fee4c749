"""Example users: what they did, our list beside the best baseline's, and what they did next."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_RECENT = 12


def named(user_id: str, place: int, ids: str, seed: int) -> str:
    """How the page calls a user: by place (off), by a keyed digest (hashed), or by the id itself (open)."""
    if ids == "open":
        return f"user {user_id}"
    if ids == "hashed":
        return "user " + hashlib.sha256(f"{seed}:{user_id}".encode()).hexdigest()[:10]
    return f"example {place}"


def person(name: str, past: Sequence[Any], later: Iterable[str], ours: Any, theirs: Any) -> dict[str, Any]:
    """Facts of one user.

    past: the history's events, oldest first, with item_id, title, time, event_type. later: item ids of the role's own
    events. ours, theirs: lists with recommender, reason, items (item_id, title, rank, score); theirs may be None.
    """
    had, did = {e.item_id for e in past}, set(later)
    lists = [_list(listed, had, did) for listed in (ours, theirs) if listed is not None]
    return {
        "name": name,
        "reason": ours.reason,
        "events": len(past),
        "did_next": len(did),
        "history": [
            {"item": e.item_id, "title": e.title or "", "time": e.time, "type": e.event_type}
            for e in reversed(past[-_RECENT:])
        ],
        "lists": lists,
    }


def _list(listed: Any, had: set[str], did: set[str]) -> dict[str, Any]:
    items = [
        {"rank": i.rank, "item": i.item_id, "title": i.title or "", "score": i.score, "hit": i.item_id in did,
         "again": i.item_id in had}
        for i in listed.items
    ]  # fmt: skip
    return {"recommender": listed.recommender, "hits": sum(i["hit"] for i in items), "items": items}


def said(people: Sequence[Mapping[str, Any]]) -> str:
    """The finding over all examples."""
    if not people:
        return "No example users"
    hits = [sum(p["lists"][side]["hits"] for p in people if len(p["lists"]) > side) for side in (0, 1)]
    ours = f"{hits[0]} of the items we listed were chosen next"
    if all(len(p["lists"]) > 1 for p in people):
        return f"{ours}, {hits[1]} of the best baseline's"
    return ours
