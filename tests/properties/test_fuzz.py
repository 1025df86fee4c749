"""Whatever a config, a manifest or a bundle says: an error of ours with its code, or what is written there. Never a
trace, and never something else without a word."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lstmrec import versions
from lstmrec.config.load import load, validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.contracts.manifest import DataFile, Manifest
from lstmrec.model import build
from tests.contracts.test_manifest import example as manifest
from tests.model import worlds
from tests.road import small

many = settings(max_examples=100, deadline=None, derandomize=True)
NASTY = st.sampled_from(["", "../../x", "/etc/passwd", "'; drop table", "${oc.env:HOME}", "${x", "{0}", "=cmd()",
                         "\0", "\ud800", "nan", "1e999", "-1", "!!python/object:os.system", "aaaa"])  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=12) | NASTY
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.text(max_size=6) | NASTY, inner, max_size=3), max_leaves=6)  # fmt: skip
BASE = small.config(Path("runs/x"), Path("source"))


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value of nested data."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield (*at, key)
        yield from places(value, (*at, key))


def changed(data: Any, at: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at one place."""
    copy = json.loads(json.dumps(data))
    inner = copy
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return copy


def refused_or_meant(text: bytes) -> None:
    """A file as a config: refused with a code, or read to what can be written and read again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "c.yaml")
        path.write_bytes(text)
        try:
            conf = load([str(path)])
        except ConfigError as error:
            assert error.code in ("C001", "C002", "C004") and str(path) in error.where
            return
    assert validate(json.loads(conf.model_dump_json())) == conf


@many
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass")))
@example(b"a: !!timestamp x")
@example(b"a: !!set {b}")
@example(b"? [a]\n: 1")
@example(b"1: 2\n1.0: 3")
@example(b"a: ${b")
@example(b"a: ${a}")
@example(b"[" * 2000)
@example(b"a: 0x_")
@example(b"a: !!binary _")
def test_any_bytes_as_a_config(data: bytes) -> None:
    refused_or_meant(data)


@many
@given(st.dictionaries(st.sampled_from(sorted(Config.model_fields)) | st.text(max_size=6), VALUES, max_size=4))
def test_any_mapping_as_a_config(data: dict[str, Any]) -> None:
    try:
        text = yaml.safe_dump(data).encode()
    except (yaml.YAMLError, UnicodeEncodeError):  # it cannot be written down
        return
    refused_or_meant(text)


@many
@given(st.sampled_from(sorted(places(BASE), key=str)), VALUES)
@example(("as_of",), "9999-12-31T23:59:59-23:59")
@example(("as_of",), "0001-01-01T00:00:00+14:00")
def test_a_config_with_another_value_somewhere(at: tuple[Any, ...], value: Any) -> None:
    try:
        conf = validate(changed(BASE, at, value))
    except ConfigError as error:
        assert error.code == "C004"
        return
    assert validate(json.loads(conf.model_dump_json())) == conf


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("fuzz") / "base.yaml"
    path.write_text(yaml.safe_dump({k: BASE[k] for k in ("root", "as_of", "clean")}))
    return str(path)


@settings(many, max_examples=60)
@given(st.text(max_size=20) | st.tuples(
    st.sampled_from(["train.epochs", "train.model", "clean.events.path", "score.recommenders", "x", "", "a..b", "["]),
    st.text(max_size=12) | NASTY).map("=".join))  # fmt: skip
@example("[=")
def test_any_text_as_an_override(base: str, text: str) -> None:
    try:
        conf = load([base], [text])
    except ConfigError as error:
        assert error.code in ("C002", "C003", "C004")
        return
    assert validate(json.loads(conf.model_dump_json())) == conf


# Manifests and names.

PLAIN = json.loads(manifest().to_json())


@many
@given(st.sampled_from(sorted(places(PLAIN), key=str)), VALUES)
@example(("files",), {})
@example(("files", 0, "path"), "../../../etc/passwd")
@example(("files", 0, "path"), "s3://other/x")
@example(("version",), "../v2")
@example(("files", 0, "rows"), -1)
@example(("files", 0, "bytes"), True)
@example(("rows_out",), "3")
@example(("config",), [])
def test_a_manifest_with_another_value_somewhere(at: tuple[Any, ...], value: Any) -> None:
    raw = changed(PLAIN, at, value)
    try:
        found = Manifest.from_json(json.dumps(raw), "here")
    except DataError as error:
        assert (error.code, error.where) == ("D101", "here")
        return
    assert isinstance(found.version, str) and "/" not in found.version and found.rows_out >= 0
    assert all(isinstance(f, DataFile) and ".." not in f.path.split("/") and f.rows >= 0 for f in found.files)
    assert _same(json.loads(found.to_json()), raw), "it says something else than was written"


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


@many
@given(st.text(max_size=40) | VALUES.map(json.dumps))
@example("[" * 100_000)
@example('{"files": [3]}')
@example('{"files": {"a": 1}}')
@example("9" * 5000)
def test_any_text_as_a_manifest(text: str) -> None:
    with pytest.raises(DataError, match="D101"):
        Manifest.from_json(text, "here")


@settings(many, max_examples=60)
@given(st.binary(max_size=20) | VALUES.map(lambda v: json.dumps(v).encode()))
@example(b'{"version": "../../elsewhere"}')
@example(b'{"version": 3}')
@example(b"[1]")
@example(b"[" * 100_000)
def test_any_bytes_as_the_entry_of_a_name(data: bytes) -> None:
    """It was never made (a writer died over it), or it is refused."""
    with tempfile.TemporaryDirectory() as root:
        place = Path(root, "events", "_names", "head")
        place.mkdir(parents=True)
        (place / "000000.json").write_text('{"version": "v1"}')
        (place / "000001.json").write_bytes(data)
        try:
            assert versions.log(root, "events") == ["v1"]
        except DataError as error:
            assert error.code == "D108" and "000001.json" in error.where


def test_the_manifest_of_another_version(tmp_path: Path) -> None:
    folder = tmp_path / "events" / "v2"
    folder.mkdir(parents=True)
    (folder / "_MANIFEST.json").write_text(manifest(version="v1").to_json())
    with pytest.raises(DataError, match="D107"):
        versions.load(str(tmp_path), tables.EVENTS, "v2")


# Bundles.


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    build.save(worlds.net(history="learn", **worlds.RICH), str(folder))
    return folder


def loads(bundle: Path, **replaced: bytes) -> None:
    """Load it with some files replaced: refused with a code, or a net that is what its model.json says."""
    with tempfile.TemporaryDirectory() as folder:
        for path in bundle.iterdir():
            Path(folder, path.name).write_bytes(replaced.get(path.stem, path.read_bytes()))
        try:
            net = build.load(folder)
        except DataError as error:
            assert error.code in ("D401", "D402", "D404")
            return
        assert _same(net.spec.to_dict(), json.loads(Path(folder, "model.json").read_text()))


@settings(many, max_examples=60)
@given(st.data())
def test_a_model_json_with_another_value_somewhere(bundle: Path, data: st.DataObject) -> None:
    raw = json.loads((bundle / "model.json").read_text())
    at, value = data.draw(st.sampled_from(sorted(places(raw), key=str))), data.draw(VALUES)
    inner = raw
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    loads(bundle, model=json.dumps(raw).encode())


@pytest.mark.parametrize("text", ["", "null", "3", "[]", '"x"', "[" * 100_000, '{"dim": 1e400}'])
def test_a_model_json_of_another_shape(bundle: Path, text: str) -> None:
    loads(bundle, model=text.encode())


@pytest.mark.parametrize("size", [0, 10**6, 2**30])
def test_sizes_that_the_weights_have_not_are_never_allocated(bundle: Path, size: int) -> None:
    raw = json.loads((bundle / "model.json").read_text()) | {"dim": size, "units": size}
    loads(bundle, model=json.dumps(raw).encode())


@settings(many, max_examples=60)
@given(st.data())
def test_weights_cut_or_with_other_bytes(bundle: Path, data: st.DataObject) -> None:
    """The reader of the header is foreign code: what it refuses, we refuse. Digests are checked before (D106)."""
    raw = bytearray((bundle / "weights.safetensors").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, min(len(raw) - 1, 600)))] = data.draw(st.integers(0, 255))
    loads(bundle, weights=bytes(raw[: data.draw(st.integers(0, len(raw)) | st.just(len(raw)))]))
