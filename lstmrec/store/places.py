"""Where a source's files are: packages, globs, folders, as Spark and fsspec both see them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import fsspec

from lstmrec.contracts.errors import ConfigError, DataError

PACKAGE = "package://"
GLOB = re.compile(r"[*?\[{]")


def resolve(path: str, key: str) -> str:
    """A path Spark can open: `package://NAME/FILE` becomes the file's place in that installed package.

    ConfigError C301 for a `package://` that is malformed, DataError D301 where the package is not installed.
    """
    if not path.startswith(PACKAGE):
        return path
    name, _, inner = path.removeprefix(PACKAGE).partition("/")
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
        fs, inner = place(path)
    except (ImportError, ValueError):
        return {}
    roots = _roots(fs, inner)
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


def finished(given: str, path: str, key: str) -> None:
    """DataError D313 for a folder without `_SUCCESS` behind a path or glob; files have none. ConfigError C309 where
    fsspec knows no such file system, so that nobody can look."""
    try:
        fs, inner = place(path)
    except (ImportError, ValueError) as error:
        raise ConfigError("C309", f"cannot look for _SUCCESS in {given}: {error}", f"{key}.success_file",
                          f"install what fsspec asks for, or --set {key}.success_file=false") from error  # fmt: skip
    fs.invalidate_cache()  # what was not there a minute ago may be there now
    for root in _roots(fs, inner):
        if fs.isdir(root) and not fs.exists(f"{root.rstrip('/')}/_SUCCESS"):
            raise DataError("D313", f"{root} has no _SUCCESS: its writer has not finished, or died", f"{key}.path · "
                            f"{given}", f"write it again, or --set {key}.success_file=false")  # fmt: skip


def place(path: str) -> tuple[Any, str]:
    """The file system of a path, and the path inside it. ValueError or ImportError where fsspec knows none."""
    fs, inner = fsspec.core.url_to_fs(re.sub(r"^s3[an]://", "s3://", path))
    return fs, inner


def _roots(fs: Any, inner: str) -> list[str]:
    """Files and folders that are there behind a path or glob."""
    return sorted(_glob(fs, inner)) if GLOB.search(inner) else [inner] if fs.exists(inner) else []


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
