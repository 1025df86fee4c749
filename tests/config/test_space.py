"""Search spaces: what is read, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lstmrec.config.space import read_space
from lstmrec.contracts.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_kept_one_is_read() -> None:
    space = read_space(str(ROOT / "conf" / "space.yaml"))
    assert space["train.learning_rate"].log and space["train.model.layers"].kind == "int"
    assert space["train.model.units"].choices == [128, 256, 384]


@pytest.mark.parametrize(("text", "said"), [
    ("", "no mapping"), ("- a", "no mapping"), ("train.epochs: 3", "valid dict"),
    ("train.clip: {low: 1}", "choices, or low and high"), ("train.clip: {low: 2, high: 1}", "below high"),
    ("train.clip: {low: 0, high: 1, log: true}", "above 0"),
    ("train.clip: {low: 0, high: 1, choices: [1, 2]}", "choices"),
    ("sequence.phases: {choices: [1, 2]}", "sequence.phases"), ("train.clip: {lo: 1, high: 2}", "Extra"),
])  # fmt: skip
def test_what_is_no_space(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=rf"(?s)C041.*{said}"):
        read_space(str(file))
