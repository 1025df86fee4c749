"""The page of the command line: every verb as typer knows it."""

from __future__ import annotations

from typing import Any

from scripts.reference.markdown import code, table


def page() -> str:
    """Every verb."""
    import typer

    from lstmrec.cli.main import app

    group: Any = typer.main.get_command(app)
    parts = ["# Command line", "", "`lstmrec VERB --help` says the same. Colour only on a terminal; errors go to "
             "stderr, with a [code](errors.md). `--debug` prints the trace of an unexpected error.", "",
             "`lstmrec --install-completion` teaches your shell to complete verbs and options.", ]  # fmt: skip
    for name, verb in group.commands.items():
        arguments = [p for p in verb.params if p.param_type_name == "argument"]
        usage = " ".join(
            [f"lstmrec {name}", *(a.name.upper() if a.required else f"[{a.name.upper()}]" for a in arguments)]
        )
        rows = [(code(", ".join(p.opts) if p.param_type_name == "option" else p.name.upper()), said(p), p.help or "")
                for p in verb.params if p.name != "help"]  # fmt: skip
        parts += ["", f"## {name}", "", f"`{usage}`", "", " ".join((verb.help or "").split()), "",
                  table(("", "default", ""), rows)]  # fmt: skip
    return "\n".join(parts)


def said(parameter: Any) -> str:
    """A parameter's default, for people."""
    if parameter.required:
        return "**required**"
    value = parameter.default
    return "" if value in (None, False, [], ()) or callable(value) else code(value)
