"""Reconcile debts: what the windows of a table cannot have seen, recorded until `hotswap reconcile` has made it good.

A debt is a create-once object in the state folder, and so is its payment. While one is unpaid the low watermark is
provisional: what lies before it is in, as far as a window can tell.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b

from loader.basics.errors import Damage
from loader.state.layout import Layout
from loader.storage.files import Files, join

_PAID = ".paid.json"


@dataclass(frozen=True, slots=True)
class Debt:
    """Changes of `source` with times in `[start_ms, end_ms)` may be missing for `reason`, known since `since_ms`.

    `what` tells two debts apart: whoever finds the same thing again owes nothing new. A comparison that began to read
    HBase after `since_ms` pays it.
    """

    what: str
    reason: str
    source: str
    since_ms: int
    start_ms: int
    end_ms: int

    @property
    def id(self) -> str:
        return blake2b(f"{self.source}\0{self.what}".encode(), digest_size=8).hexdigest()


def owe(files: Files, layout: Layout, debt: Debt) -> bool:
    """Record it durably. False: it is known already, paid or not."""
    return _create(files, join(layout.debts, f"{debt.id}.json"), asdict(debt))


def debts(files: Files, layout: Layout) -> tuple[Debt, ...]:
    """What is not paid, oldest first. Raises Damage for an object that cannot be read."""
    names = _names(files, layout)
    unpaid = [
        name for name in names if not name.endswith(_PAID) and f"{name.removesuffix('.json')}{_PAID}" not in names
    ]
    return tuple(sorted((_read(files, join(layout.debts, name)) for name in unpaid), key=lambda debt: debt.since_ms))


def pay(files: Files, layout: Layout, debt: Debt, paid_ms: int, by: str) -> bool:
    """`debt` is made good; `by` says who did it (an attempt, a reconcile). False: it was paid before."""
    return _create(files, join(layout.debts, f"{debt.id}{_PAID}"), {"paid_ms": paid_ms, "by": by})


def _names(files: Files, layout: Layout) -> frozenset[str]:
    try:
        return frozenset(entry.name for entry in files.list(layout.debts) if entry.name.endswith(".json"))
    except FileNotFoundError:
        return frozenset()


def _read(files: Files, path: str) -> Debt:
    try:
        return Debt(**json.loads(files.read(path)))
    except (ValueError, TypeError) as error:
        raise Damage(f"state object {path} is not readable: {error}", "Restore it from a backup.") from error


def _create(files: Files, path: str, plain: dict[str, object]) -> bool:
    try:
        files.create(path, json.dumps(plain, separators=(",", ":")).encode())
    except FileExistsError:
        return False
    return True
