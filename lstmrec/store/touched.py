"""How often a hold-out was looked at: a log under the root, one small file an evaluation, never overwritten.

ROOT/_touched/test/000042.json: the 43rd evaluation of the role test. A figure that was chosen by looking often is too
good by the looking (Dwork et al. 2015, "The reusable holdout"): the log says how often it was. A job that is skipped
looks at nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from lstmrec import files
from lstmrec.contracts.errors import ResourceError

_TRIES = 1000


def touch(root: str, role: str, entry: Mapping[str, str]) -> int:
    """Append one line; returns how many there are with it. ResourceError R111 where other writers are always faster."""
    place = files.join(root, "_touched", role)
    data = (json.dumps(dict(entry), sort_keys=True, ensure_ascii=False) + "\n").encode()
    first = len(touches(root, role))
    for number in range(first, first + _TRIES):
        if files.create(files.join(place, f"{number:06d}.json"), data):
            return number + 1
    raise ResourceError("R111", f"cannot append to the log of {role}: {_TRIES} writers were faster", place, "run again")


def touches(root: str, role: str) -> list[dict[str, str]]:
    """Every line, oldest first; none of a writer that died over it."""
    place = files.join(root, "_touched", role)
    names = [n for n in files.names(place) if n.endswith(".json") and not n.startswith(".")]
    return [row for n in names if (row := files.whole_json(files.join(place, n)))]
