"""The config page: every key of the pydantic models as a dotted path."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, Literal

from pydantic import BaseModel

from scripts.reference.markdown import code, table

HEAD = ("key", "type", "default", "meaning")
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def page() -> str:
    """Every key as a dotted path."""
    from lstmrec.config.run import Config

    plain = {n: f for n, f in Config.model_fields.items() if not list(models(f.annotation))}
    parts = ["# Config", "", "Every key, its type, its default and its meaning. `a.b` in a file is `a: {b: ...}`, on "
             "the command line `--set a.b=VALUE`. `[]` is a member of a list, NAME a key of your own.", "",
             "## The run", "", table(HEAD, list(fields(Config, "", plain)))]  # fmt: skip
    for name, field in Config.model_fields.items():
        for model in models(field.annotation):
            parts += ["", f"## {name}", "", doc(model), "",
                      table(HEAD, list(fields(model, f"{name}.", model.model_fields)))]  # fmt: skip
    return "\n".join(parts)


def fields(model: type[BaseModel], path: str, chosen: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row a key, then those of the models inside it."""
    for name, field in chosen.items():
        inner = list(models(field.annotation))
        meaning = field.description or "; ".join(doc(m) for m in inner[:1])
        yield code(path + name), kind(field.annotation, field.metadata), default(field), meaning
        for m in inner:
            yield from fields(m, path + name + step(field.annotation, m, inner) + ".", m.model_fields)


def step(annotation: Any, model: type[BaseModel], inner: list[type[BaseModel]]) -> str:
    """What stands between a key and those inside it: `[]` of a list, `[popularity]` of one of several kinds."""
    origins = set(walk(annotation, lambda a: typing.get_origin(a)))
    if dict in origins:
        return ".NAME"
    if list not in origins:
        return ""
    kinds = typing.get_args(model.model_fields["kind"].annotation) if "kind" in model.model_fields else ()
    return f"[{kinds[0]}]" if len(inner) > 1 and kinds else "[]"


def walk(annotation: Any, look: Callable[[Any], Any]) -> Iterator[Any]:
    """`look` at an annotation and all inside it, what is not None."""
    found = look(annotation)
    if found is not None:
        yield found
    for inner in typing.get_args(annotation):
        if not isinstance(inner, str | int | float | bool):
            yield from walk(inner, look)


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The config models inside an annotation."""
    yield from walk(annotation, lambda a: a if isinstance(a, type) and issubclass(a, BaseModel) else None)


def doc(model: type[Any]) -> str:
    """A class's first paragraph, in a line."""
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def kind(annotation: Any, metadata: Any = ()) -> str:
    """A type for people, with its bounds."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        info = [m for m in args[1:] for m in getattr(m, "metadata", [m])]
        return kind(args[0], info)
    bounds = "".join(f" {sign} {getattr(m, name):g}" for m in metadata for name, sign in BOUNDS.items()
                     if getattr(m, name, None) is not None)  # fmt: skip
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(kind(a) for a in args)) + bounds
    if origin is Literal:
        return ", ".join(code(a) for a in args)
    if origin in (list, tuple):
        return f"list of {' and '.join(dict.fromkeys(kind(a) for a in args))}"
    if origin is dict:
        return f"{kind(args[0])} -> {kind(args[1])}"
    if annotation is type(None):
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}.get(
        getattr(annotation, "__name__", ""), str(annotation)) + bounds  # fmt: skip


def default(field: Any) -> str:
    """A default as YAML writes it."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    if isinstance(value, list) and value and isinstance(value[0], BaseModel):
        return code(", ".join(str(getattr(v, "kind", "")) for v in value))
    plain = list(value) if isinstance(value, tuple) else value
    return code(plain if isinstance(plain, str) else json.dumps(plain))
