"""Open, list, create-if-absent over local folders and fsspec's file systems. The only paths on the torch side.

The one storage primitive is *create-if-absent*: locally a temporary file, fsync and `os.link` (fails where the name
exists, and never shows half a file); elsewhere fsspec's exclusive mode ``xb``. Nothing is overwritten or renamed over.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import fsspec

from lstmrec.contracts.errors import ConfigError, DataError, ResourceError


def is_local(path: str) -> bool:
    """Whether a path is of this machine's file system."""
    return "://" not in path or path.startswith("file://")


def local(path: str) -> Path:
    """The `Path` of a local path; ConfigError C020 for any other."""
    if not is_local(path):
        raise ConfigError("C020", f"{path} is not on this machine")
    return Path(path.removeprefix("file://"))


def own_folder() -> Path:
    """What this machine keeps for later: LSTMREC_CACHE, or a folder of this user's below the temporary one.

    ResourceError R701 where it belongs to somebody else, who could have put data or a model of theirs there.
    """
    path = Path(os.environ.get("LSTMREC_CACHE") or Path(tempfile.gettempdir(), f"lstmrec-{os.getuid()}"))
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        what = "the cache folder is not this user's alone to write"
        raise ResourceError("R701", what, str(path), "set LSTMREC_CACHE to another")
    return path


def join(*parts: str) -> str:
    """Path parts with single slashes."""
    return "/".join([parts[0].rstrip("/"), *(p.strip("/") for p in parts[1:])])


def _fs(path: str) -> tuple[Any, str]:
    fs, inner = fsspec.core.url_to_fs(path, use_listings_cache=False)
    return fs, inner


def exists(path: str) -> bool:
    """Whether a file or folder is there."""
    fs, inner = _fs(path)
    return bool(fs.exists(inner))


def names(folder: str) -> list[str]:
    """Sorted names in a folder; empty where there is none."""
    fs, inner = _fs(folder)
    try:
        return sorted(p.rstrip("/").rsplit("/", 1)[-1] for p in fs.ls(inner, detail=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def walk(folder: str) -> dict[str, int]:
    """Every file below a folder: path relative to it -> bytes."""
    fs, inner = _fs(folder)
    prefix = inner.rstrip("/") + "/"
    return {path.removeprefix(prefix): int(info["size"]) for path, info in sorted(fs.find(inner, detail=True).items())}


def remove(folder: str) -> None:
    """Remove a folder of our own and all below it; nothing where there is none."""
    fs, inner = _fs(folder)
    if fs.exists(inner):
        fs.rm(inner, recursive=True)


def open_read(path: str) -> IO[bytes]:
    """A binary reader."""
    fs, inner = _fs(path)
    return fs.open(inner, "rb")  # type: ignore[no-any-return]


def read_text(path: str) -> str:
    """A small UTF-8 file; DataError D103 naming it where it is no UTF-8."""
    with open_read(path) as f:
        data = f.read()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DataError("D103", f"not UTF-8 text: {error}", path) from error


def whole_json(path: str) -> Any:
    """What a small JSON file says; None where there is none, or not a whole one: file servers (HDFS, SFTP) show a file
    from its creation on, also one whose writer died over it."""
    try:
        with open_read(path) as f:
            return json.loads(f.read())
    except (FileNotFoundError, ValueError, RecursionError):
        return None


def create(path: str, data: bytes) -> bool:
    """Create a file with these bytes if its name is free: True when we made it, False when it was there."""
    if not is_local(path):
        fs, inner = _fs(path)
        try:
            if not data:  # s3fs makes an empty file of "xb" without its condition
                fs.pipe_file(inner, data, mode="create")
                return True
            with fs.open(inner, "xb") as f:
                f.write(data)
        except FileExistsError:
            return False
        except (ValueError, NotImplementedError) as error:
            raise ConfigError(
                "C021", f"{type(fs).__name__} cannot create a file only where none is", path,
                "keep the run's root on a file system that can: local, HDFS, S3"
            ) from error  # fmt: skip
        return True
    target = local(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{target.name}.{uuid.uuid4().hex}.tmp"
    try:
        with open(temporary, "xb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.link(temporary, target)
    except FileExistsError:
        return False
    finally:
        with suppress(OSError):  # what is created is created: who is told otherwise would undo the rest
            temporary.unlink(missing_ok=True)
    fsync(target.parent)
    return True


def sha256(path: str) -> str:
    """Hex digest of a file."""
    digest = hashlib.sha256()
    with open_read(path) as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fsync(path: Path) -> None:
    """Have a file's bytes, or a folder's names, on the disk: a power cut takes what is in memory alone."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
