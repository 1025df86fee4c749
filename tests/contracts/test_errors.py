"""Errors as text, and back."""

from __future__ import annotations

from lstmrec.contracts.errors import ConfigError, DataError, GateError, ResourceError, of_text


def test_an_error_is_found_in_the_text_of_another_process() -> None:
    for made in (DataError("D704", "3 nulls", "table sequences", "run s5"), ConfigError("C001", "a: b"),
                 GateError("G001", "too much", hint="look"), ResourceError("R100", "no disk", "/x")):  # fmt: skip
        told = of_text(f"Traceback ...\nlstmrec.contracts.errors.X: {made}\n\tat org.apache.spark\n")
        assert (type(told), told.args if told else ()) == (type(made), made.args)
    assert of_text("error[B001] a bug of ours is told as one") is None and of_text("") is None
