"""Which jobs a flow walks, and for which days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError

JOBS = ("clean", "split", "normalise", "profile", "sequence", "train", "score", "evaluate", "report")
REFIT = JOBS[:7]
DAILY = ("clean", "split", "normalise", "profile", "sequence", "score", "judge")
FLOWS = ("evaluate", "refit", "daily")
_MOST = 3_660


def jobs(conf: Config) -> tuple[str, ...]:
    """The jobs of a config's flow, in order. A day that goes on from states reads no sequences, so none are made."""
    if conf.flow == "daily":
        return DAILY if conf.score.mode == "windows" else tuple(j for j in DAILY if j != "sequence")
    return REFIT if conf.flow == "refit" else JOBS


def selection(from_: str | None, to: str | None, only: str | None, walked: tuple[str, ...] = JOBS) -> tuple[str, ...]:
    """The jobs to walk; ConfigError C030 for a name that is none, or an empty range."""
    for option, value in (("--from", from_), ("--to", to), ("--only", only)):
        if value is not None and value not in walked:
            raise ConfigError("C030", f"{option} {value!r} is no job of this flow", hint=f"one of {', '.join(walked)}")
    if only is not None:
        if from_ or to:
            raise ConfigError("C030", "--only stands alone, without --from and --to")
        return (only,)
    first, last = walked.index(from_ or walked[0]), walked.index(to or walked[-1])
    if first > last:
        raise ConfigError("C030", f"--from {from_} comes after --to {to}", hint=f"the order is {', '.join(walked)}")
    return walked[first : last + 1]


def days(as_of: str) -> list[str]:
    """The instants of `D` or `D1..D2`: a day or an instant each, then every 24 hours up to the last. A day is its
    midnight in UTC: all of the day before is known then. ConfigError C033 for what is none, or for an empty range."""
    first, dots, last = as_of.partition("..")
    start, end = _instant(first), _instant(last if dots else first)
    many = (end - start) // timedelta(days=1) + 1
    if not 0 < many <= _MOST:
        raise ConfigError("C033", f"--as-of {as_of}: {max(many, 0):,} days", hint=f"from 1 to {_MOST:,} days, D1..D2")
    every = (start + timedelta(days=n) for n in range(many))
    return [at.isoformat().replace("+00:00", "Z") for at in every]


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise ConfigError("C033", f"--as-of: no day and no instant: {text!r}",
                          hint="2018-01-01, 2018-01-01T06:00:00Z, or two of them: D1..D2") from error  # fmt: skip
    if found.tzinfo is None:
        if "T" in text or " " in text:
            raise ConfigError("C033", f"--as-of {text!r} has no zone", hint=f"write {text}Z for UTC")
        found = found.replace(tzinfo=UTC)
    return found.astimezone(UTC)
