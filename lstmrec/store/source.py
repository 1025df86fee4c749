"""Tables as they lie somewhere: found, fingerprinted, read. The only door for rows from outside."""

from __future__ import annotations

import importlib.util
import os
import re
import uuid
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import fsspec
from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # it has no types
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from lstmrec import files
from lstmrec.config.clean import Source
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.contracts.manifest import digest

_PACKAGE = "package://"
_GLOB = re.compile(r"[*?\[{]")


def read_source(spark: SparkSession, source: Source, key: str) -> DataFrame:
    """Every row of a source, before its `where`. key: its place in the config, for errors.

    DataError D301 (nothing there), D302 (no data files), D303 (Spark cannot read it).
    """
    try:
        if source.format == "table":
            return spark.table(source.path[0])
        paths = [resolve(p, key) for p in source.path]
        for given, path in zip(source.path, paths, strict=True):
            found(given, path, key)
        return spark.read.format(source.format).options(**source.options).load(paths)
    except (PySparkException, Py4JError) as error:  # a failing footer comes as the plain error of the JVM
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        said = next((line for line in reversed(lines) if line.startswith("Caused by:")), lines[0])
        raise DataError("D303", f"Spark cannot read this as {source.format}: {said}",
                        f"{key}.path · {', '.join(source.path)}", "check format and path") from error  # fmt: skip


def resolve(path: str, key: str) -> str:
    """A path Spark can open: `package://NAME/FILE` becomes the file's place in that installed package.

    ConfigError C301 for a `package://` that is malformed, DataError D301 where the package is not installed.
    """
    if not path.startswith(_PACKAGE):
        return path
    name, _, inner = path.removeprefix(_PACKAGE).partition("/")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or not inner or ".." in inner.split("/"):
        raise ConfigError("C301", f"{path!r} is not package://NAME/FILE", f"{key}.path")
    spec = importlib.util.find_spec(name)  # finds a package without running it
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise DataError("D301", f"package {name} is not installed", f"{key}.path · {path}",
                        f"install it: pip install {name}")  # fmt: skip
    return str(Path(places[0], inner))


def found(given: str, path: str, key: str) -> dict[str, Any]:
    """Data files behind a path, glob or folder: their path -> fsspec's info; empty where fsspec knows no such
    file system (Spark may).

    DataError D301 where nothing is there, D302 where there is no data file. given: the path as configured, for errors.
    """
    try:
        fs, inner = fsspec.core.url_to_fs(re.sub(r"^s3[an]://", "s3://", path))
    except (ImportError, ValueError):
        return {}
    roots = sorted(_glob(fs, inner)) if _GLOB.search(inner) else [inner] if fs.exists(inner) else []
    if not roots:
        raise DataError("D301", f"nothing is at {given}", f"{key}.path", f"--set '{key}.path=[WHERE/IT/IS]'")
    out: dict[str, Any] = {}
    for root in roots:
        for file, info in sorted(fs.find(root, detail=True).items()):
            if not _hidden(file.removeprefix(root)):
                out[file] = info
    if not out:
        raise DataError("D302", f"no data files in {given}", f"{key}.path")
    return out


def fingerprints(conf: Config) -> dict[str, str]:
    """Source -> what identifies its rows: (path, size, modification or etag) of each file; in a package the path
    inside it, size and sha256, so that it does not matter where the package lies. A source whose files cannot be
    listed (a catalogue table) counts as new each time.

    ConfigError C302 where a source is inside the run's root, or the root inside a source.
    """
    out: dict[str, str] = {}
    sources = {"events": conf.clean.events, "items": conf.clean.items, "users": conf.clean.users}
    for name, source in sources.items():
        if source is None:
            continue
        key = f"clean.{name}"
        if source.format == "table":
            out[f"source:{name}"] = uuid.uuid4().hex
            continue
        parts: list[Any] = []
        for given in source.path:
            path = resolve(given, key)
            _apart(conf.root, given, path, key)
            listed = found(given, path, key)
            parts.append([_file(given, file, info) for file, info in listed.items()] or uuid.uuid4().hex)
        out[f"source:{name}"] = digest(parts)
    return out


def _glob(fs: Any, pattern: str) -> list[str]:
    """What a pattern with *, ?, [..] and {a,b} matches."""
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if braces is None:
        return list(fs.glob(pattern))
    head, tail = pattern[: braces.start()], pattern[braces.end() :]
    return [path for word in braces[1].split(",") for path in _glob(fs, head + word + tail)]


def _hidden(below: str) -> bool:
    """Whether Spark passes over a file: a part of its path starts with a dot, or an underscore and holds no `=`."""
    return any(p.startswith(".") or (p.startswith("_") and "=" not in p) for p in below.split("/"))


def _file(given: str, file: str, info: Any) -> list[Any]:
    if given.startswith(_PACKAGE):
        return [given, int(info["size"]), files.sha256(file)]
    changed = info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("LastModified") or ""
    return [file, int(info["size"]), str(changed)]


def _apart(root: str, given: str, path: str, key: str) -> None:
    """Refuse a root that a source would read, and a source that the run may write over."""
    if files.is_local(root) != files.is_local(path):
        return
    ours, theirs = _plain(root), _plain(path)
    above = [ours, *(str(p) for p in Path(ours).parents)] if theirs.startswith("/") else [ours]
    if not theirs.startswith("/"):
        above = [ours.rsplit("/", n)[0] if n else ours for n in range(ours.count("/") - 1)]
    inside = any(a == theirs or (_GLOB.search(theirs) and fnmatchcase(a, theirs)) for a in above)
    if inside or theirs.startswith(ours + "/"):
        raise ConfigError("C302", f"root {root} and source {given} lie inside one another", f"root · {key}.path",
                          "give the run a folder of its own: --set root=runs/mine")  # fmt: skip


def _plain(path: str) -> str:
    """Local paths absolute with links followed (as far as they exist), others without a trailing slash."""
    return os.path.realpath(files.local(path)) if files.is_local(path) else path.rstrip("/")
