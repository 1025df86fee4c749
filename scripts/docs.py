"""The reference pages, made from the code: writes docs/reference/; `--check` names stale pages instead.

Config from the pydantic models, tables from the contracts and the jobs' NEEDS and GIVES, error codes from the calls
that raise them, the command line from typer. Nothing is said twice: what a page lacks is missing in the source.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.reference import capacity, cli, config, errors, tables  # noqa: E402  # found once the root is on the path

PAGES = ROOT / "docs" / "reference"
HEAD = "<!-- Made by scripts/docs.py: change the source, then run it again. -->\n\n"
MAKERS = {
    "config.md": config.page,
    "tables.md": tables.page,
    "metrics.md": tables.metrics,
    "errors.md": errors.page,
    "cli.md": cli.page,
    "capacity.md": capacity.page,
}


def pages() -> dict[str, str]:
    """File name -> what it should hold."""
    return {name: HEAD + make().rstrip() + "\n" for name, make in MAKERS.items()}


def stale() -> list[str]:
    """Pages that do not hold what the source says."""
    return [n for n, text in pages().items()
            if not (PAGES / n).is_file() or (PAGES / n).read_text(encoding="utf-8") != text]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page is stale")
    if parser.parse_args().check:
        found = stale()
        print("\n".join(f"stale: docs/reference/{name}" for name in found) or "every page is fresh")
        return int(bool(found))
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
