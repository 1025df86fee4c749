from __future__ import annotations

import io

from lstmrec.training.progress import Progress

ROW = {"epoch": 2, "loss": 3.25, "ndcg_10": 0.2139, "positions_s": 17250.4, "starved": 0.004, "seconds": 221.0}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    told = Progress(0, 10, out, every_s=0)
    told.step(1, 30, 260, 325.0, 100, 2.0, 0.01)
    told.epoch({**ROW}, True)
    told.epoch({**ROW, "ndcg_10": None}, False)
    assert out.getvalue().splitlines() == [
        "train  epoch 2/10 · step 30/260 · 50 positions/s · loss 3.2500 · starved 0.5% · at most 2 m 34 s left",
        "train  epoch 2/10 · loss 3.2500 · ndcg@10 0.2139 best · 17,250 positions/s · starved 0.4% · 3 m 41 s",
        "train  epoch 2/10 · loss 3.2500 · 17,250 positions/s · starved 0.4% · 3 m 41 s",
    ]


def test_steps_are_told_twice_a_minute_and_by_one_rank() -> None:
    out = io.StringIO()
    told = Progress(0, 10, out)
    for step in range(50):
        told.step(0, step, 50, 1.0, 1, 1.0, 0.0)
    other = Progress(1, 10, out, every_s=0)
    other.step(0, 1, 50, 1.0, 1, 1.0, 0.0)
    other.epoch({**ROW}, True)
    other.say("hello")
    assert out.getvalue() == ""


def test_a_terminal_has_one_fresh_line() -> None:
    out = Terminal()
    told = Progress(0, 10, out)
    told._last -= 2
    told.step(0, 1, 50, 1.0, 1, 1.0, 0.0)
    told.say("goes on")
    assert out.getvalue().count("\n") == 1 and out.getvalue().startswith("\r\x1b[2Ktrain  epoch 1/10")
