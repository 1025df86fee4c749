import numpy as np
import pyarrow as pa
import pytest

from lstmrec.contracts import kinds, tables


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("bigint", pa.int64()),
        ("array<float>", pa.list_(pa.float32())),
        ("map<string,double>", pa.map_(pa.string(), pa.float64())),
        (
            "array<struct<item_id:string,score:float,rank:int>>",
            pa.list_(pa.struct([("item_id", pa.string()), ("score", pa.float32()), ("rank", pa.int32())])),
        ),
        ("map<string,array<struct<a:int,b:map<int,int>>>>", None),
    ],
)
def test_arrow_types_say_what_the_kind_says(kind: str, expected: pa.DataType | None) -> None:
    found = kinds.arrow_type(kind)
    assert expected is None or found == expected


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="interval"):
        kinds.arrow_type("interval")


def test_every_contract_has_types_in_arrow_and_in_spark(spark) -> None:  # type: ignore[no-untyped-def]
    for table in tables.ALL:
        schema = kinds.arrow_schema(table)
        assert schema.names == list(table.names)
        if table.columns:
            frame = spark.createDataFrame([], table.ddl)
            assert frame.columns == list(table.names)
            assert [f.dataType.simpleString() for f in frame.schema.fields] == [c.kind for c in table.columns]
            assert [f.nullable for f in frame.schema.fields] == [c.nullable for c in table.columns]


def test_numpy_dtypes() -> None:
    assert np.dtype(kinds.numpy_dtype("array<int>")) == np.int32
    assert kinds.numpy_dtype("string") == "object"
    with pytest.raises(KeyError):
        kinds.numpy_dtype("map<string,double>")
