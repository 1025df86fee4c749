"""YAML < YAML < --set a.b=c, merged by OmegaConf, given meaning by pydantic."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import fsspec
import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError

#: What OmegaConf says of keys, values and references that it cannot take; some are Python's own.
_UNMERGED = (OmegaConfBaseException, ValueError, TypeError, AttributeError, LookupError, AssertionError, RecursionError)


def load(paths: Sequence[str], sets: Sequence[str] = ()) -> Config:
    """Read and merge config files (paths or URLs), then `key=value` overrides, and validate the whole.

    ConfigError C001 (unreadable), C002 (not YAML we accept), C003 (bad override), C004 (unknown key or bad value,
    naming the key and the nearest known one), C005 (a root that is a link).
    """
    merged: Any = OmegaConf.create({})
    for path in paths:
        try:
            merged = OmegaConf.merge(merged, OmegaConf.create(read_yaml(path)))
        except _UNMERGED as error:
            raise ConfigError("C002", f"not a config: {error}", path, "see conf/demo.yaml") from error
    for item in sets:
        key, eq, _ = item.partition("=")
        if not eq or not key:
            raise ConfigError("C003", f"--set {item!r} is not key=value", hint="for example --set train.epochs=3")
        try:
            value = _Strict(item.partition("=")[2]).get_single_data()
            OmegaConf.update(merged, key, value, force_add=True)
        except (*_UNMERGED, yaml.YAMLError) as error:
            raise ConfigError("C003", f"--set {item!r}: {error}") from error
    try:
        data = OmegaConf.to_container(merged, resolve=True)
    except _UNMERGED as error:
        raise ConfigError("C002", f"config does not resolve: {error}", ", ".join(paths)) from error
    conf = validate(data, ", ".join(paths))
    if "://" not in conf.root and os.path.islink(conf.root.rstrip("/")):
        raise ConfigError("C005", f"root {conf.root} is a link: it may lead anywhere, and be led elsewhere under a run",
                          "root", f"name the folder itself: --set root={os.path.realpath(conf.root)}")  # fmt: skip
    return conf


def validate(data: Any, where: str = "config") -> Config:
    """A `Config` of plain data; ConfigError C004 listing every problem."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        problems = [_problem(e) for e in error.errors()]
        raise ConfigError("C004", f"{len(problems)} problem(s) in the config", where, "; ".join(problems)) from error


def read_yaml(path: str) -> dict[str, Any]:
    """The mapping in a YAML file or URL. ConfigError C001 unreadable, C002 not YAML we accept, or no mapping."""
    try:
        with fsspec.open(path, "rt", encoding="utf-8") as f:
            text = f.read()
    except (OSError, ValueError, ImportError) as error:
        raise ConfigError("C001", f"cannot read the config: {error}", path, "give --config a file or URL") from error
    try:
        data = _Strict(text).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError, AttributeError, OverflowError) as error:
        raise ConfigError("C002", f"not YAML we accept: {error}", path) from error
    if not isinstance(data, dict):
        raise ConfigError("C002", "the config is empty or no mapping", path, "see conf/demo.yaml")
    return data


class _Strict(yaml.SafeLoader):
    """SafeLoader (no tags) that refuses duplicate keys and aliases (which can blow up); instants stay text."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # a copy without the timestamp resolver
        first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise ValueError("anchors and aliases are not accepted: write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(k, deep=True) for k, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"key {key!r} stands twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def _problem(error: Any) -> str:
    where = ".".join(str(p) for p in error["loc"])
    if error["type"] == "extra_forbidden":
        known = sorted(_fields(Config, [str(p) for p in error["loc"][:-1]]))
        near = difflib.get_close_matches(str(error["loc"][-1]), known, 1)
        return f"unknown key {where}" + (f": did you mean {near[0]}?" if near else f"; known here: {', '.join(known)}")
    return f"{where or 'config'}: {error['msg'].removeprefix('Value error, ')}"


def _fields(model: type[BaseModel], path: Sequence[str]) -> Iterator[str]:
    for part in path:
        field = model.model_fields.get(part)
        if field is None:
            continue
        for candidate in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                model = candidate
    yield from model.model_fields
