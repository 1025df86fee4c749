"""Example users: what they did, our list beside the best baseline's, what they did next, and why the list is so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_RECENT = 12
#: Longer titles end here: a page holds hundreds.
_TITLE = 160
#: Users whose reasons are drawn, and columns of each drawing.
_DRAWN, _COLUMNS = 6, 8


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
    events. ours, theirs: lists with recommender, reason, items (item_id, title, rank, score, reasons: items of the
    past, the score of each its influence); theirs may be None.
    """
    had, did = {e.item_id for e in past}, set(later)
    lists = [_list(listed, had, did) for listed in (ours, theirs) if listed is not None]
    return {
        "name": name,
        "reason": ours.reason,
        "events": len(past),
        "did_next": len(did),
        "newest": past[-1].item_id if past else "",
        "history": [
            {"item": e.item_id, "title": _title(e), "time": e.time, "type": e.event_type}
            for e in reversed(past[-_RECENT:])
        ],
        "lists": lists,
    }


def influence(people: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of the first users whose list has reasons: name, columns (title of each item of the past that is one, the
    strongest first), rows of item (title) and cells (influence; None: not among the item's reasons)."""
    out: list[dict[str, Any]] = []
    for p in people:
        items = [i for i in p["lists"][0]["items"] if i["because"]]
        sums: dict[str, float] = {}
        titles: dict[str, str] = {}
        for why in (w for i in items for w in i["because"]):
            sums[why["item"]] = sums.get(why["item"], 0.0) + why["influence"]
            titles[why["item"]] = why["title"] or why["item"]
        top = sorted(sums, key=lambda i: (-sums[i], i))[:_COLUMNS]
        if top and len(out) < _DRAWN:
            cells = [{w["item"]: w["influence"] for w in i["because"]} for i in items]
            rows = [{"item": i["title"] or i["item"], "cells": [own.get(c) for c in top]}
                    for i, own in zip(items, cells, strict=True)]  # fmt: skip
            out.append({"name": p["name"], "columns": [titles[c] for c in top], "rows": rows,
                        "most": max(v for r in rows for v in (*r["cells"], 0.0) if v is not None)})  # fmt: skip
    return out


def said(people: Sequence[Mapping[str, Any]]) -> str:
    """The finding over all examples."""
    if not people:
        return "No example users"
    hits = [sum(p["lists"][side]["hits"] for p in people if len(p["lists"]) > side) for side in (0, 1)]
    ours = f"{hits[0]} of the items we listed were chosen next"
    if all(len(p["lists"]) > 1 for p in people):
        return f"{ours}, {hits[1]} of the best baseline's"
    return ours


def leaning(people: Sequence[Mapping[str, Any]]) -> str:
    """The finding over all reasons."""
    first = [(i["because"][0]["item"], p["newest"]) for p in people for i in p["lists"][0]["items"] if i["because"]]
    newest = sum(item == last for item, last in first)
    return f"Of {len(first)} items listed for a reason, {newest} owe most to what the user did last" if first else ""


def _list(listed: Any, had: set[str], did: set[str]) -> dict[str, Any]:
    items = [
        {"rank": i.rank, "item": i.item_id, "title": _title(i), "score": i.score, "hit": i.item_id in did,
         "again": i.item_id in had,
         "because": [{"item": w.item_id, "title": _title(w), "influence": w.score} for w in i.reasons]}
        for i in listed.items
    ]  # fmt: skip
    return {"recommender": listed.recommender, "hits": sum(i["hit"] for i in items), "items": items}


def _title(shown: Any) -> str:
    title = shown.title or ""
    return title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"
