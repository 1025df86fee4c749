"""Tables and code in Markdown."""

from __future__ import annotations


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in row) + " |" for row in lines)


def code(text: object) -> str:
    """Text as code, whatever backticks it holds."""
    said = str(text)
    return f"`` {said} ``" if "`" in said else f"`{said}`"
