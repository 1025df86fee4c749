"""Faults counted by kind: what the tests of this folder tell, and tests elsewhere that are faults themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """injected and survived, by kind of fault; what was lost, in words."""

    injected: Counter[str] = field(default_factory=Counter)
    survived: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    def count(self, kind: str, lost: str = "") -> None:
        """One fault. lost: what was wrong after it."""
        self.injected[kind] += 1
        if lost:
            self.lost.append(f"{kind}: {lost}")
        else:
            self.survived[kind] += 1

    def told(self, record: Callable[[str, Any], None]) -> None:
        """Hand the counts to the run's table, and fail where something was lost."""
        record("faults", [[kind, n, self.survived[kind]] for kind, n in self.injected.items()])
        assert self.lost == [], f"{len(self.lost)} of {self.injected.total()}:\n" + "\n".join(self.lost[:20])
