"""The walls of the house, checked by machine: sizes, floors, who may import, act, or touch what."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lstmrec"
JOBS = ("clean", "split", "normalise", "profile", "sequence", "train", "score", "evaluate", "report")
BESIDE = ("label", "candidates", "judge")  # jobs of verbs or flows of their own: they need what the road made
SOURCES = sorted(PACKAGE.rglob("*.py"))


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCES:
        yield path.relative_to(ROOT), ast.parse(path.read_text())


def attributes(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr, node.lineno


def test_files_and_functions_are_short() -> None:
    long = []
    for path, tree in trees():
        lines = (ROOT / path).read_text().count("\n")
        limit = 90 if path.parts[1] == "jobs" else 250
        if lines > limit:
            long.append(f"{path}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or 0) - node.lineno + 1
                if size > 70:
                    long.append(f"{path}: {node.name} has {size} lines")
    assert long == []


def test_the_doors_are_nine_and_thin() -> None:
    doors = sorted(p.name for p in (ROOT / "jobs").glob("*.py"))
    assert doors == [f"s{i}_{name}.py" for i, name in enumerate(JOBS, 1)]
    assert all((ROOT / "jobs" / d).read_text().count("\n") <= 12 for d in doors)


def test_every_need_is_given_by_an_earlier_job() -> None:
    given: set[str] = set()
    for name in (*JOBS, *BESIDE):
        job = importlib.import_module(f"lstmrec.jobs.{name}")
        assert {t.name for t in job.NEEDS} <= given, name
        assert not {t.name for t in job.GIVES} & given, f"{name} gives what another job gave"
        given |= {t.name for t in (*job.GIVES, *getattr(job, "KEEPS", ()))}
        assert isinstance(job.VERSION, int) and job.SECTIONS and callable(job.run) and callable(job.main)
    from lstmrec.contracts import tables

    assert given == {t.name for t in tables.ALL}


def test_imports_keep_to_the_floors() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("lstmrec", ("pyspark", "torch", "pydantic", "pyarrow")),
        ("lstmrec.contracts.tables", ("pyspark", "torch", "pydantic", "pyarrow", "numpy")),
        ("lstmrec.scoring.worker", ("pyspark", "petastorm", "horovod")),
        ("lstmrec.scoring.udf", ("torch", "petastorm", "horovod")),
        ("lstmrec.training.loop", ("pyspark", "petastorm", "horovod")),
        ("lstmrec.lookup", ("pyspark", "torch")),
        ("lstmrec.jobs.clean", ("torch", "petastorm", "horovod")),
        ("lstmrec.jobs.train", ("petastorm", "horovod")),
    ],
)
def test_what_a_clean_process_does_not_load(module: str, absent: tuple[str, ...]) -> None:
    code = f"import {module}, sys; bad = [m for m in {absent!r} if m in sys.modules]; sys.exit(', '.join(bad) or 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{module} loads {done.stderr[-500:]}"


def test_transforms_never_act() -> None:
    acts = {"collect", "toPandas", "toArrow", "write", "cache", "persist", "checkpoint", "localCheckpoint", "foreach",
            "foreachPartition", "take", "head", "show", "toLocalIterator"}  # fmt: skip
    found = [
        f"{path}:{line} {name}"
        for path, tree in trees()
        if path.parts[1] in ("frames", "recommenders")
        for name, line in attributes(tree)
        if name in acts
    ]
    found += [
        f"{path}:{node.lineno} count()"
        for path, tree in trees()
        if path.parts[1] in ("frames", "recommenders")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "count"
        and not node.args and not isinstance(node.func.value, ast.Call)
    ]  # fmt: skip
    assert found == []


def test_nothing_that_varies_with_partitioning() -> None:
    varies = {"randomSplit", "monotonically_increasing_id", "dropDuplicates", "drop_duplicates", "rand", "randn",
              "approx_percentile", "percentile_approx", "first_value", "any_value"}  # fmt: skip
    found = [
        f"{path}:{line} {name}"
        for path, tree in trees()
        if path.parts[1] in ("frames", "recommenders", "store", "jobs")
        for name, line in attributes(tree)
        if name in varies
    ]
    assert found == []


def test_the_jvm_is_touched_in_one_place() -> None:
    found = [
        f"{path}:{line} {name}"
        for path, tree in trees()
        for name, line in attributes(tree)
        if name in ("sparkContext", "_jvm", "_jsc")
        and path.parts[1] != "launch"
        and path.name not in ("session.py", "layout.py")
    ]
    assert found == []


def test_the_session_sets_neither_master_nor_memory() -> None:
    from lstmrec.store.session import CORRECTNESS

    assert not [k for k in CORRECTNESS if re.search(r"master|memory|cores|instances|shuffle\.partitions", k)]


def test_no_code_from_data_and_nothing_undone() -> None:
    bad = re.compile(
        r"\bpickle\.loads?\(|weights_only=False|(?<![\w.])(?:eval|exec)\(|yaml\.load\(|shell=True|os\.system\("
        r"|NotImplementedError\(\)|\bTODO\b|\bFIXME\b"
    )
    found = [f"{p.relative_to(ROOT)}: {m.group()}" for p in SOURCES for m in bad.finditer(p.read_text())]
    assert found == []


def test_an_error_code_means_one_thing() -> None:
    """A code is raised in one file only: two meanings in two rooms would share a page of the reference."""
    where: dict[str, set[str]] = {}
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error") and node.args:
                code = node.args[0]
                if isinstance(code, ast.Constant) and re.fullmatch(r"[A-Z]\d{3}", str(code.value)):
                    where.setdefault(str(code.value), set()).add(str(path))
    shared = {"R601"}  # Horovod is not installed: whoever starts it says so
    assert where and {c: sorted(p) for c, p in where.items() if len(p) > 1 and c not in shared} == {}


def test_the_package_holds_its_version_and_nothing_else() -> None:
    assert re.fullmatch(r'__version__ = "\d+\.\d+\.\d+"\n', (PACKAGE / "__init__.py").read_text())
