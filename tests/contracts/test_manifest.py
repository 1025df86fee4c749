import json

import pytest

from lstmrec.contracts import manifest, tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import DataFile, Manifest


def example(**more: object) -> Manifest:
    base: dict[str, object] = {
        "table": "events", "version": "v", "major": 1, "minor": 0, "job": "clean", "job_version": 1, "skip_key": "k",
        "fingerprint": "f", "as_of": "2018-01-01T00:00:00Z",
        "files": (DataFile("role=train/part%20-0.parquet", 3, 10),), "facts": {"a": [1, {"b": 2}]},
    }  # fmt: skip
    return Manifest(**(base | more))  # type: ignore[arg-type]


def test_a_manifest_survives_json() -> None:
    assert Manifest.from_json(example().to_json(), "here") == example()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files": []}', '{"files": 3}'])
def test_broken_text_is_named(text: str) -> None:
    with pytest.raises(DataError, match="not a manifest") as caught:
        Manifest.from_json(text, "s3://lake/x/_MANIFEST.json")
    assert "s3://lake/x" in str(caught.value)


def test_unknown_fields_are_refused() -> None:
    raw = json.loads(example().to_json()) | {"extra": 1}
    with pytest.raises(DataError):
        Manifest.from_json(json.dumps(raw), "here")


def test_another_table_or_major_is_refused_and_a_minor_is_read() -> None:
    example(minor=7).check(tables.EVENTS, "here")
    for wrong in (example(table="items"), example(major=2)):
        with pytest.raises(DataError, match="D102"):
            wrong.check(tables.EVENTS, "here")


def test_partition_values_come_from_the_path() -> None:
    assert DataFile("role=test/length=8/part-0.parquet", 1).partition == {"role": "test", "length": "8"}


def test_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert manifest.digest({"a": 1, "b": [2]}) == manifest.digest({"b": [2], "a": 1}) != manifest.digest({"a": 1})
