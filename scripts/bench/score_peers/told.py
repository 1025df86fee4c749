"""What every peer of the scoring bench is told."""

from __future__ import annotations

import argparse
from pathlib import Path


def arguments(doc: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="a folder for its files")
    for name, value in (("items", 3400), ("users", 8192), ("length", 50), ("batch", 256), ("k", 10), ("width", 128)):
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser
