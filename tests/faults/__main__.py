"""`make test-faults`: every fault there is a test for, a table of kinds, and one JSON object as the last line."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

#: Tests elsewhere that are faults themselves, each case one: kind -> where.
ELSEWHERE = {
    "damaged: checkpoint": [
        "tests/training/test_checkpoint.py::test_a_damaged_one_is_passed_over_with_a_warning",
        "tests/training/test_checkpoint.py::test_one_whose_best_weights_are_broken_is_passed_over",
        "tests/training/test_checkpoint.py::test_a_crash_between_its_files_leaves_the_one_before",
    ],
    "damaged: input file": [
        "tests/store/test_footers.py::test_broken_files_stop_or_are_left_out_and_named",
        "tests/store/test_source.py::test_errors_of_the_scan_name_the_file",
        "tests/training/test_feed.py::test_missing_truncated_and_other_files_are_named",
        "tests/training/test_feed.py::test_a_flipped_bit_is_found_and_its_file_named",
    ],
    "damaged: data file": ["tests/store/test_door.py::test_a_damaged_file_of_a_table_is_named"],
    "kill -9: rank": [
        "tests/launch/test_local.py::test_a_killed_rank_costs_time_and_nothing_else",
        "tests/launch/test_local.py::test_a_dead_rank_ends_the_job_and_is_named",
        "tests/launch/test_horovodrun.py::test_a_killed_rank_costs_time_and_nothing_else",
        "tests/launch/test_horovodrun.py::test_a_dead_rank_ends_the_job_and_is_named",
    ],
    "stopped rank": ["tests/launch/test_horovodrun.py::test_a_hung_rank_ends_the_job"],
    "launcher ends": [
        "tests/launch/test_local.py::test_ranks_end_with_their_parent",
        "tests/launch/test_horovodrun.py::test_ranks_end_with_their_parent",
    ],
    "second run at once": [
        "tests/cli/test_run.py::test_a_second_run_is_refused_while_the_first_lives",
        "tests/store/test_buckets.py::test_of_two_runs_the_first_marker_wins",
        "tests/test_files.py::test_of_many_writers_one_wins",
    ],
    "job broken off": [
        "tests/jobs/test_score.py::test_a_stopped_run_goes_on_with_the_missing_buckets",
        "tests/store/test_buckets.py::test_what_is_finished_is_never_made_again",
        "tests/training/test_tune.py::test_a_killed_search_goes_on_with_the_trial_that_was_under_way",
        "tests/training/test_cache.py::test_what_a_killed_process_left_is_cleared",
    ],
}


class Table:
    """Counts by kind, from what tests tell and from tests that are faults."""

    def __init__(self) -> None:
        self.injected: Counter[str] = Counter()
        self.survived: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when != "call" or report.skipped:
            return
        for name, counts in report.user_properties:
            for kind, injected, survived in counts if name == "faults" else ():
                self.injected[kind] += injected
                self.survived[kind] += survived
        for kind, places in ELSEWHERE.items():
            if report.nodeid.split("[")[0] in places:
                self.injected[kind] += 1
                self.survived[kind] += report.passed

    def lines(self) -> list[str]:
        width = max(map(len, self.injected), default=4)
        rows = [("fault", "injected", "survived")]
        rows += [(kind, f"{n:,}", f"{self.survived[kind]:,}") for kind, n in sorted(self.injected.items())]
        return [f"{kind:<{width}}  {injected:>8}  {survived:>8}" for kind, injected, survived in rows]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make test-faults", description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=40, help="processes killed at random moments of a run (default 40)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of those moments (default 1)")
    parser.add_argument("pytest", nargs="*", help="of pytest, after --")
    args = parser.parse_args()
    os.environ |= {"LSTMREC_KILLS": str(args.kills), "LSTMREC_KILLS_SEED": str(args.seed)}
    table, here = Table(), Path(__file__).parent.relative_to(Path.cwd())
    elsewhere = [place for places in ELSEWHERE.values() for place in places]
    code = int(pytest.main(["-q", str(here), *elsewhere, *args.pytest], plugins=[table]))
    print("\n".join(table.lines()))
    injected, survived = table.injected.total(), table.survived.total()
    print(json.dumps({"injected": injected, "survived": survived, "lost": injected - survived}), flush=True)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
