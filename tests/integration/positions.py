"""Where a test's next window starts: a file that Spark's own processes read, as they read a state folder."""

import json
from dataclasses import asdict
from pathlib import Path

from partitioner.history.manifest import Span


def settle(state: Path, span: Span) -> None:
    state.write_text(json.dumps(asdict(span)))


def settled(state: str) -> Span | None:
    path = Path(state)
    return Span(**json.loads(path.read_text())) if path.exists() else None
