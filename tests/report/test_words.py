from __future__ import annotations

from urllib.parse import unquote

from lstmrec.report import words
from tests import made


def test_csv_is_whole_and_runs_nothing():
    link = words.csv_link([{"name": "=cmd()", "value": 0.5}, {"name": 'a,"b"', "value": -1}])
    assert link.startswith("data:text/csv")
    assert unquote(link.split(",", 1)[1]) == 'name,value\r\n\'=cmd(),0.5\r\n"a,""b""",-1\r\n'
    assert words.csv_link([]) == ""


def test_small_words():
    assert words.share(1, 4) == "25.0" and words.share(0, 4) == "0.5" and words.share(1, 0) == "0"
    assert words.when(made.START) == "2017-07-14" and words.when(None) == ""
    assert words.short(812.53) == "812.5" and words.short(12.345) == "12.35" and words.short(0.5) == "0.5000"
    assert words.chance(None) == "" and words.chance(0.0123) == "0.012"
    assert words.span(122.4) == "2 m 02 s" and words.span(9.96) == "10.0 s" and words.span(50_000) == "13 h 53 m"
    assert words.flat([{"a": [1, 2, 3], "b": "x"}]) == [{"a": 1, "a_low": 2, "a_high": 3, "b": "x"}]
