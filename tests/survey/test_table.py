from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.survey import table


def write(folder: Path, text: str, name: str = "t.csv", encoding: str = "utf-8") -> str:
    (folder / name).write_bytes(text.encode(encoding))
    return str(folder / name)


@pytest.mark.parametrize(
    ("text", "separator", "columns"),
    [
        ("a,b\n1,2\n3,4\n", ",", ("a", "b")),
        ('"a";"b, c"\n"1,5";"2"\n"3,5";"x; ""y"""\n', ";", ("a", "b, c")),
        ("a\tb\n1\t2\n", "\t", ("a", "b")),
        ("a|b|c\n1|2|3,4\n", "|", ("a", "b", "c")),
        ("only\n1\n2\n", ",", ("only",)),
    ],
)
def test_the_dialect_of_csv(tmp_path: Path, text: str, separator: str, columns: tuple[str, ...]) -> None:
    found = table.opened(write(tmp_path, text))
    assert found.format == "csv" and found.options["sep"] == separator and found.columns == columns
    assert found.options["header"] == "true" and found.sample().num_rows == len(text.splitlines()) - 1


def test_quotes_are_read_as_spark_is_told_to(tmp_path: Path) -> None:
    found = table.opened(write(tmp_path, 'a;b\n"x; ""y""";1\n"two\nlines";2\n;3\n'))
    assert found.sample()["a"].to_pylist() == ['x; "y"', "two\nlines", None]
    assert found.options["escape"] == '"' and found.options["multiLine"] == "true"


def test_text_stays_text(tmp_path: Path) -> None:
    found = table.opened(write(tmp_path, "id,n\n007,1.0\n010,2\n"))
    assert found.sample().to_pydict() == {"id": ["007", "010"], "n": ["1.0", "2"]}


def test_no_header_and_other_bytes(tmp_path: Path) -> None:
    found = table.opened(write(tmp_path, "1;Käse;3\n2;Öl;4\n", encoding="latin-1"))
    assert found.columns == ("_c0", "_c1", "_c2") and found.options["header"] == "false"
    assert found.options["encoding"] == "ISO-8859-1" and found.sample()["_c1"].to_pylist() == ["Käse", "Öl"]
    cut = "n,t\n" + "1,aä\n" * table._SNIFFED  # utf-8 whose sniffed part ends inside a character
    assert "encoding" not in table.opened(write(tmp_path, cut, "cut.csv")).options


def test_a_mark_of_the_byte_order_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert table.opened(write(tmp_path, "\ufeffwho,what\n1,2\n")).columns == ("who", "what")


def test_folders_globs_parquet_and_compressed_files(tmp_path: Path) -> None:
    for part in ("a", "b"):
        (tmp_path / f"day={part}").mkdir()
        pq.write_table(pa.table({"who": [part]}), tmp_path / f"day={part}" / "p.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    found = table.opened(str(tmp_path))
    assert found.format == "parquet" and found.sample()["who"].to_pylist() == ["a", "b"] and found.options == {}
    assert table.opened(f"{tmp_path}/day=*").sample().num_rows == 2
    (tmp_path / "z.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert table.opened(str(tmp_path / "z.csv.gz")).sample().to_pylist() == [{"a": "1", "b": "2"}]


def test_what_is_no_table_is_named(tmp_path: Path) -> None:
    for path in (str(tmp_path / "none.csv"), write(tmp_path, ""), write(tmp_path, "a\0b", "bin")):
        with pytest.raises(DataError, match="D850"):
            table.opened(path)
    with pytest.raises(ConfigError, match="tell apart: A, a"):
        table.opened(write(tmp_path, "A,a\n1,2\n", "twice.csv"))
    with pytest.raises(DataError, match="D851"):
        table.opened(write(tmp_path, "a,b\n1,2\n1,2,3\n", "wide.csv")).sample()
