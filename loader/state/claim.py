"""The claim: a create-once object at the table's location that says whose it is.

Two tables, or two metastores, over one location would each take the other's partitions for foreign changes at best.
"""

import json
from dataclasses import asdict, dataclass

from loader.basics.errors import ForeignClaim
from loader.state.layout import Layout
from loader.storage.files import Files
from metastore.api import Metastore, Table


@dataclass(frozen=True, slots=True)
class Claim:
    """`metastore`: the metastore's own uuid; None before Hive 3. `create_time`: the Hive table's, seconds."""

    table: str
    create_time: int
    metastore: str | None


def claim_of(metastore: Metastore, table: Table) -> Claim:
    return Claim(str(table.name), table.create_time, metastore.server().uuid)


def make_claim(files: Files, layout: Layout, claim: Claim) -> None:
    """Claim the location, or find that it is claimed by this table already. Raises ForeignClaim."""
    try:
        files.create(layout.claim, json.dumps(asdict(claim)).encode())
    except FileExistsError:
        check_claim(files, layout, claim)


def check_unclaimed(files: Files, layout: Layout, table: str) -> None:
    """Before a table is created: raises ForeignClaim if its location is somebody's already."""
    if files.exists(layout.claim):
        raise ForeignClaim(
            f"{layout.table} carries a claim already, so {table} cannot be created there",
            "If that Hive table was dropped: give the new one another location, or move the old folder away.",
        )


def check_claim(files: Files, layout: Layout, claim: Claim) -> None:
    """Raises ForeignClaim if the location is another table's, or nobody's."""
    try:
        found = Claim(**json.loads(files.read(layout.claim)))
    except FileNotFoundError:
        raise ForeignClaim(
            f"{layout.table} is not claimed by {claim.table}",
            f"Run `hotswap init {claim.table}` first.",
        ) from None
    if (found.table, found.create_time) != (claim.table, claim.create_time) or _differ(found, claim):
        raise ForeignClaim(
            f"{layout.table} belongs to {found.table} (created at {found.create_time}), not to {claim.table}"
            f" (created at {claim.create_time})",
            "If the Hive table was dropped and re-created: give it another location, or move the old _hotswap folder"
            " and the partitions away and run `hotswap init` again. Two tables must never share a location.",
        )


def _differ(found: Claim, claim: Claim) -> bool:
    return found.metastore is not None and claim.metastore is not None and found.metastore != claim.metastore
