"""The quarantine of one table: rows that could not be decoded, as committed batches left them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from loader.state.layout import Layout
from loader.state.objects import LARGE, read_object
from loader.storage.files import Files
from partitioner.history.checkpoint import StoredRow
from partitioner.history.table_state import Attempt
from partitioner.values import AttemptId

QuarantinedRow = Mapping[str, Any]
"""`key` (hex), `reason`, `column` (or null), `cells`: [family, qualifier, timestamp, value], bytes in hex."""


@dataclass(frozen=True, slots=True)
class _Stored:
    attempt: str
    rejected: tuple[StoredRow, ...]


_READ_AGAIN = (
    "Restore it from a backup of the state folder; without it what `quarantine` shows of these rows is lost:"
    " `hotswap reconcile TABLE --repair` finds them again."
)


class RejectedRow(Protocol):
    """A row that could not be decoded; see loader.mapping.rejected."""

    @property
    def key(self) -> bytes: ...
    @property
    def reason(self) -> str: ...
    @property
    def column(self) -> str | None: ...
    @property
    def cells(self) -> tuple[tuple[bytes, bytes, int, bytes], ...]: ...


def quarantined(
    files: Files, layout: Layout, attempts: Iterable[Attempt], before: Iterable[str] = ()
) -> dict[str, QuarantinedRow]:
    """Rows whose last reading could not be decoded, by key (hex). `before`: the keys that were so before `attempts`."""
    rows: dict[str, QuarantinedRow] = {key: {"key": key} for key in before}
    seen: dict[str, QuarantinedRow] = {}  # whatever became of them since: a rollback of a log brings them back
    for attempt in attempts:
        if not attempt.committed or attempt.manifest is None:
            continue
        if attempt.folded is not None:
            rows = dict(attempt.folded.quarantined)
            seen |= rows
            continue
        if attempt.manifest.waiting is not None:
            rows = {key: seen.get(key) or rows.get(key, {"key": key}) for key in attempt.manifest.waiting.quarantined}
        for key in attempt.manifest.healed:
            rows.pop(key, None)
        if attempt.manifest.counts.rejected:
            stored = read_object(files, layout.quarantine(attempt.intent.attempt), _Stored, _READ_AGAIN, LARGE)
            new = {row.key: {**row.plain(), "batch": attempt.intent.batch} for row in stored.rejected}
            rows |= new
            seen |= new
    return rows


def store_rejected(files: Files, layout: Layout, attempt: AttemptId, rejected: Sequence[RejectedRow]) -> None:
    """Bytes and reason of every row of the batch that could not be decoded."""
    if rejected:
        plain = {"attempt": attempt, "rejected": [_plain(row) for row in rejected]}
        files.create(layout.quarantine(attempt), json.dumps(plain).encode())


def _plain(row: RejectedRow) -> dict[str, object]:
    cells = [[family.hex(), qualifier.hex(), stamp, value.hex()] for family, qualifier, stamp, value in row.cells]
    return {"key": row.key.hex(), "reason": row.reason, "column": row.column, "cells": cells}
