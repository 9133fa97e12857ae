"""Reconcile debts: what the windows of a table cannot have seen, recorded until `hotswap reconcile` has made it good.

A debt is a create-once object in the state folder, and so is its payment. While one is unpaid the low watermark is
provisional: what lies before it is in, as far as a window can tell.
"""

from dataclasses import asdict, dataclass
from hashlib import blake2b

from loader.state.layout import Layout
from loader.state.names import names
from loader.state.objects import create_object, read_object
from loader.storage.files import Files, join

_PAID = ".paid.json"
_OWE_ANEW = (
    "Stop the loader and move it out of the state folder; then run `hotswap reconcile TABLE --repair`: what it told of"
    " may be missing."
)


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
    return create_object(files, join(layout.debts, f"{debt.id}.json"), asdict(debt))


def debts(files: Files, layout: Layout) -> tuple[Debt, ...]:
    """What is not paid, oldest first. Raises Damage for an object that cannot be read."""
    known = frozenset(names(files, layout, "debts"))
    unpaid = [
        name for name in known if not name.endswith(_PAID) and f"{name.removesuffix('.json')}{_PAID}" not in known
    ]
    found = (read_object(files, join(layout.debts, name), Debt, _OWE_ANEW) for name in unpaid)
    return tuple(sorted(found, key=lambda debt: debt.since_ms))


def pay(files: Files, layout: Layout, debt: Debt, paid_ms: int, by: str) -> bool:
    """`debt` is made good; `by` says who did it (an attempt, a reconcile). False: it was paid before."""
    return create_object(files, join(layout.debts, f"{debt.id}{_PAID}"), {"paid_ms": paid_ms, "by": by})
