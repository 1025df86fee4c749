"""The page of error codes: from the calls that make an error, wherever they stand in the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from scripts.reference.markdown import code, table

ROOT = Path(__file__).resolve().parents[2]
KINDS = {"C": ("Config", 2), "D": ("Data", 3), "R": ("Resources", 4), "G": ("Gates", 5), "B": ("A fault of ours", 1)}


def page() -> str:
    """Every code that the source raises, with its text and hint."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for path in sorted((ROOT / "lstmrec").rglob("*.py")):
        for name, *said in raised(ast.parse(path.read_text(encoding="utf-8"))):
            found.setdefault(name, []).append((*said, str(path.relative_to(ROOT))))  # type: ignore[arg-type]
    parts = ["# Error codes", "", "`error[CODE] what`, then where and a hint. `{...}` is filled in. The exit code "
             "follows the letter; 130 is a run that was stopped."]  # fmt: skip
    for letter, (title, exit_code) in KINDS.items():
        rows = []
        for name in sorted(c for c in found if c[0] == letter):
            texts = dict.fromkeys(found[name])
            rows.append((f"**{name}**", *(" *or* ".join(dict.fromkeys(t[n] for t in texts if t[n])) for n in (0, 1)),
                         ", ".join(dict.fromkeys(code(t[2]) for t in texts))))  # fmt: skip
        if letter == "B":
            rows = [("**B001**", "whatever no other code says", "--debug prints the trace; please report it",
                     code("lstmrec/cli/main.py"))]  # fmt: skip
        parts += [
            "",
            f"## {letter}: {title} (exit {exit_code})",
            "",
            table(("code", "what", "hint", "raised in"), rows),
        ]
    return "\n".join(parts)


def raised(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """(code, what, hint) of each call that makes an error; a code by a variable: those that stand in no call."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error") and node.args):
            continue
        given = dict(zip(("code", "what", "where", "hint"), node.args, strict=False))
        given |= {k.arg: k.value for k in node.keywords if k.arg}
        first, what, hint = given["code"], *(spoken(given.get(k)) for k in ("what", "hint"))
        if isinstance(first, ast.Constant) and re.fullmatch(r"[A-Z]\d{3}", str(first.value)):
            yield str(first.value), what, hint
        elif isinstance(first, ast.Name) and what:
            for code_ in sorted({str(c.value) for c in ast.walk(tree) if isinstance(c, ast.Constant)
                                 and re.fullmatch(r"[A-Z]\d{3}", str(c.value))} - direct(tree)):  # fmt: skip
                yield code_, what, hint


def direct(tree: ast.Module) -> set[str]:
    """Codes that stand first in a call."""
    calls = (n.args[0] for n in ast.walk(tree) if isinstance(n, ast.Call) and n.args)
    return {str(a.value) for a in calls if isinstance(a, ast.Constant)}


def spoken(node: ast.AST | None) -> str:
    """A message as it is written: text, with `{...}` for what is filled in."""
    if node is None:
        return ""
    if isinstance(node, ast.Constant):
        return escaped(str(node.value))
    if isinstance(node, ast.JoinedStr):
        return "".join(escaped(str(v.value)) if isinstance(v, ast.Constant) else "{...}" for v in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return spoken(node.left) + spoken(node.right)
    if isinstance(node, ast.IfExp):
        return " / ".join(filter(None, (spoken(node.body), spoken(node.orelse))))
    return "{...}"


def escaped(text: str) -> str:
    """Text that Markdown and HTML leave alone."""
    return re.sub(r"([*_`<\[\]])", r"\\\1", text)
