"""Every publication, oldest first: ROOT/_published, an append-only log."""

from __future__ import annotations

from lstmrec import files


def publications(root: str) -> list[dict[str, str]]:
    """Every publication (table -> version), oldest first."""
    place = files.join(root, "_published")
    return [entry for n in numbered(place) if (entry := files.whole_json(files.join(place, n)))]


def numbered(place: str) -> list[str]:
    """Names of the entries of such a log."""
    return [n for n in files.names(place) if n.endswith(".json") and not n.startswith(".")]
