"""Where a test's next window starts: a file that Spark's own processes read, as they read a state folder."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from partitioner.history.position import Position


def settle(state: Path, position: Position) -> None:
    state.write_text(json.dumps(asdict(position)))


def settled(state: str, usable: Callable[[Position], bool]) -> Position | None:
    path = Path(state)
    return Position(**json.loads(path.read_text())) if path.exists() else None
