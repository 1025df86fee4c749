"""Copies for people at a run's root: report.html and metrics.json, replaced whole."""

from __future__ import annotations

import os

import fsspec

from lstmrec import files, versions
from lstmrec.contracts.manifest import Manifest

COPIED = ("report.html", "metrics.json")


def owed(root: str, manifest: Manifest) -> list[str]:
    """Which copies at the root are not those of this report."""
    digests = {f.path: f.sha256 for f in manifest.files}
    placed = {name: files.join(root, name) for name in COPIED}
    return [n for n, path in placed.items() if not files.exists(path) or files.sha256(path) != digests.get(n)]


def place(root: str, manifest: Manifest) -> None:
    """Copy a committed report's files to the root; whoever reads meanwhile sees the old file or the new one."""
    folder = versions.verify_files(root, manifest)
    for name in COPIED:
        with files.open_read(files.join(folder, name)) as f:
            data = f.read()
        put(files.join(root, name), data)


def put(path: str, data: bytes) -> None:
    """Write a copy for people, or replace it whole."""
    if not files.is_local(path):
        fs, inner = fsspec.core.url_to_fs(path)
        fs.pipe_file(inner, data)
        return
    target = files.local(path)
    temporary = target.parent / f".{target.name}.{os.getpid()}.tmp"
    try:
        temporary.write_bytes(data)
        files.fsync(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
