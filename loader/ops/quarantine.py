"""The quarantine as an operator works it off: what is in it, one row with all its bytes, and another try."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from loader.basics.errors import ConfigError
from loader.basics.printable import printable
from loader.state import rereads
from loader.state.open_table import Environment
from loader.state.quarantine import quarantined
from partitioner.history.table_state import Attempt


@dataclass(frozen=True, slots=True)
class QuarantinedCell:
    """One cell of a quarantined row: `family:qualifier` and its bytes, both as HBase's shell prints them."""

    cell: str
    timestamp_ms: int
    bytes: str
    hex: str


@dataclass(frozen=True, slots=True)
class QuarantinedKey:
    """One row. `column` None: the whole row is at fault (its key, its partition).

    `since_ms`: when it was first rejected without a good image in between; `batch` is the last that rejected it.
    `is_asked`: the next batch tries it again.
    """

    key: str
    hex: str
    column: str | None
    reason: str
    batch: int
    since_ms: int
    is_asked: bool
    cells: tuple[QuarantinedCell, ...]


def in_quarantine(env: Environment) -> tuple[QuarantinedKey, ...]:
    """All of them, the oldest first."""
    records = env.state.records()
    rows = quarantined(env.files, env.layout, records.attempts)
    since = _since(records.attempts, rows, env)
    waiting = _asked(env)
    found = [_entry(row, since[key], key in waiting) for key, row in rows.items()]
    return tuple(sorted(found, key=lambda row: (row.since_ms, row.hex)))


def one(env: Environment, key: bytes) -> QuarantinedKey:
    """Raises ConfigError if it is not in quarantine."""
    for row in in_quarantine(env):
        if row.hex == key.hex():
            return row
    raise ConfigError(
        f"row {printable(key)} of {env.table} is not in quarantine", f"`hotswap quarantine list {env.table}` shows all."
    )


def retry(env: Environment, keys: Sequence[bytes]) -> int:
    """Ask the next batch to read these rows again, or all of them if none are named; how many. Raises ConfigError."""
    if not env.rule.idempotent:
        raise ConfigError(
            f"{env.table} holds the events of a log, which are not read again one by one",
            "Go back to before they were read, mend what rejected them, and resume: the log is read again from there.",
        )
    chosen = [one(env, key).hex for key in keys] or [row.hex for row in in_quarantine(env)]
    asker = rereads.Asker("quarantine", env.identity.run, env.clock, urgent=True)
    rereads.ask(env.files, env.layout, sorted({bytes.fromhex(key) for key in chosen}), asker)
    return len(set(chosen))


def _since(attempts: Iterable[Attempt], rows: Iterable[str], env: Environment) -> dict[str, int]:
    """When each of `rows` came in: the end of the first batch that rejected it since it last was good."""
    wanted, since = frozenset(rows), dict[str, int]()
    for attempt in attempts:
        if not attempt.committed or attempt.manifest is None or attempt.ending is None:
            continue
        if attempt.folded is not None:  # when it came in is folded away: it was there by then
            since = dict.fromkeys(attempt.folded.quarantined, attempt.ending.concluded_ms)
            continue
        for key in attempt.manifest.healed:
            since.pop(key, None)
        if attempt.manifest.counts.rejected:
            mine = quarantined(env.files, env.layout, [attempt])
            for key in wanted & mine.keys():
                since.setdefault(key, attempt.ending.concluded_ms)
    return since


def _asked(env: Environment) -> frozenset[str]:
    open_ = rereads.open_asks(env.files, env.layout, env.state.records().state.answered)
    return frozenset(key.hex() for key in rereads.load(env.files, env.layout, open_).keys.to_pylist())


def _entry(row: Any, since_ms: int, is_asked: bool) -> QuarantinedKey:
    cells = tuple(_cell(*cell) for cell in row["cells"])
    key = bytes.fromhex(row["key"])
    return QuarantinedKey(
        printable(key), row["key"], row["column"], row["reason"], row["batch"], since_ms, is_asked, cells
    )


def _cell(family: str, qualifier: str, stamp: int, value: str) -> QuarantinedCell:
    name = f"{printable(bytes.fromhex(family))}:{printable(bytes.fromhex(qualifier))}"
    return QuarantinedCell(name, stamp, printable(bytes.fromhex(value)), value)
