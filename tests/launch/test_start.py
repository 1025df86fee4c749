from __future__ import annotations

import pytest

from lstmrec.contracts.errors import ConfigError, DataError, ResourceError
from lstmrec.launch.start import restarting


class Fails:
    """Raises these errors in turn, then returns."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.calls = list(errors), 0

    def __call__(self) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)


DEAD = ResourceError("R641", "rank 3 was killed by signal 9")


def test_a_rank_that_died_is_started_again_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    run = Fails(DEAD, DEAD)
    restarting(run, 2)
    assert run.calls == 3
    assert capsys.readouterr().out.splitlines() == [
        f"train  rank 3 was killed by signal 9: restart {n} of 2 from the newest checkpoint" for n in (1, 2)
    ]


def test_only_so_often() -> None:
    run = Fails(DEAD, DEAD, DEAD)
    with pytest.raises(ResourceError, match="signal 9"):
        restarting(run, 1)
    assert run.calls == 2


@pytest.mark.parametrize("error", [DataError("D612", "x"), ConfigError("C601", "x"), ResourceError("R633", "x")])
def test_what_would_only_come_again_is_raised_at_once(error: Exception) -> None:
    run = Fails(error)
    with pytest.raises(type(error)):
        restarting(run, 5)
    assert run.calls == 1
