"""Claims: create-once objects that say whose a table's location is, and whose its state folder.

Two tables, or two metastores, over one location or one state would each take the other's partitions for their own: load
nothing, or delete what the other's readers read.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from loader.basics.errors import ForeignClaim
from loader.state.layout import Layout
from loader.state.names import names
from loader.state.objects import create_object, read_object
from loader.state.records import State
from loader.storage.files import Files, join
from loader.storage.places import HOTSWAP_FOLDER, is_within, real_place
from metastore.api import Metastore, Table

_VERSIONS = f"/{HOTSWAP_FOLDER}/versions/"
_SHARED = "Two tables must never share a location or a state folder"
_ANOTHER_STATE = (
    f"Give this table a state folder of its own (`state:`), or none: it then lies below its location. {_SHARED}."
)
_MOST_ABOVE = 64


@dataclass(frozen=True, slots=True)
class Claim:
    """`metastore`: the metastore's own uuid; None before Hive 3. `create_time`: the Hive table's, seconds."""

    table: str
    create_time: int
    metastore: str | None

    def is_same(self, other: "Claim") -> bool:
        """Whether both are one table's."""
        differ = self.metastore is not None and other.metastore is not None and self.metastore != other.metastore
        return (self.table, self.create_time) == (other.table, other.create_time) and not differ


def claim_of(metastore: Metastore, table: Table) -> Claim:
    return Claim(str(table.name), table.create_time, metastore.server().uuid)


def make_claim(files: Files, layout: Layout, claim: Claim) -> None:
    """Claim location and state, or find that they are claimed by this table already. Raises ForeignClaim."""
    _check_above(files, layout, claim)
    _check_state(files, layout, claim)  # before anything is written
    if not create_object(files, layout.claim, asdict(claim)):
        _check_location(files, layout, claim)
    _claim_state(files, layout, claim)


def check_unclaimed(files: Files, layout: Layout, table: str) -> None:
    """Before a table is created: raises ForeignClaim if its location is somebody's already."""
    if files.exists(layout.claim):
        raise ForeignClaim(
            f"{layout.table} carries a claim already, so {table} cannot be created there",
            "If that Hive table was dropped: give the new one another location, or move the old folder away. Or"
            f" `hotswap forget {table}`, if it was called so, too.",
        )
    if files.exists(layout.state_claim):
        found = read_object(files, layout.state_claim, Claim)
        raise ForeignClaim(f"the state folder {layout.state} belongs to {found.table}, not to {table}", _ANOTHER_STATE)


def check_claim(files: Files, layout: Layout, claim: Claim) -> None:
    """Raises ForeignClaim if location or state is another table's, or the location nobody's.

    A state folder of before, without a claim, is taken over if what it names is this table's.
    """
    _check_location(files, layout, claim)
    _check_state(files, layout, claim)
    with suppress(PermissionError):  # who only looks may not be let write here
        _claim_state(files, layout, claim)


def stranger_above(files: Files, layout: Layout, place: str) -> Claim | None:
    """The claim of another table that `place` lies below, if the nearest one is another's. Raises Damage."""
    if is_within(real_place(place), real_place(layout.table)):
        return None
    found = _nearest(files, place)
    if found is None:
        return None
    own = _read(files, layout.claim)
    return None if own is not None and own.is_same(found) else found


def read_claim(files: Files, path: str) -> Claim | None:
    """Whose a location or a state folder is, by its claim's path; None: nobody's. Raises Damage."""
    return _read(files, path)


def _check_location(files: Files, layout: Layout, claim: Claim) -> None:
    found = _read(files, layout.claim)
    if found is None:
        raise ForeignClaim(
            f"{layout.table} is not claimed by {claim.table}", f"Run `hotswap init {claim.table}` first."
        )
    if not found.is_same(claim):
        raise ForeignClaim(
            f"{layout.table} belongs to {found.table} (created at {found.create_time}), not to {claim.table}"
            f" (created at {claim.create_time})",
            "If the Hive table was dropped and re-created: give it another location, or move the old _hotswap folder"
            f" and the partitions away and run `hotswap init` again. {_SHARED}.",
        )


def _claim_state(files: Files, layout: Layout, claim: Claim) -> None:
    if not files.exists(layout.state_claim) and not create_object(files, layout.state_claim, asdict(claim)):
        _check_state(files, layout, claim)


def _check_state(files: Files, layout: Layout, claim: Claim) -> None:
    found = _read(files, layout.state_claim)
    if found is None:
        _check_named(files, layout, claim)
    elif not found.is_same(claim):
        raise ForeignClaim(
            f"the state folder {layout.state} belongs to {found.table} (created at {found.create_time}), not to"
            f" {claim.table} (created at {claim.create_time})",
            _ANOTHER_STATE,
        )


def _check_above(files: Files, layout: Layout, claim: Claim) -> None:
    """Neither location nor state may lie inside of another table's location."""
    for place in (layout.table, layout.state):
        found = None if _is_own(layout, place) else _nearest(files, place.rpartition("/")[0])
        if found is not None and not found.is_same(claim):
            raise ForeignClaim(f"{place} lies inside of the location of {found.table}", f"{_SHARED}: choose another.")


def _is_own(layout: Layout, place: str) -> bool:
    return place != layout.table and is_within(real_place(place), real_place(layout.table))


def _check_named(files: Files, layout: Layout, claim: Claim) -> None:
    """A state folder without a claim: whose it is, its manifests say by the directories that they name."""
    home, is_named, others = real_place(layout.table), False, set[str]()
    for location in _named(files, layout):
        place = real_place(location)
        if is_within(place, home):
            is_named = True
        elif _VERSIONS in place:
            others.add(place.partition(_VERSIONS)[0])
        elif (found := _nearest(files, location)) is not None and not found.is_same(claim):
            others.add(place)
    strangers = {place: found for place in sorted(others) if (found := _nearest(files, place)) is not None}
    for place, found in strangers.items():
        if not found.is_same(claim):
            raise ForeignClaim(
                f"the state folder {layout.state} names {place}, which belongs to {found.table}, not to {claim.table}",
                _ANOTHER_STATE,
            )
    if others and not is_named and not is_within(real_place(layout.state), home):
        raise ForeignClaim(
            f"the state folder {layout.state} names {min(others)}, and nothing of {claim.table} in {layout.table}",
            f"If that table was moved there: put its claim into {layout.state_claim}. Otherwise: {_ANOTHER_STATE}",
        )


def _named(files: Files, layout: Layout) -> Iterable[str]:
    """Every location that is told of as a version's; once each parent."""
    if not any(names(files, layout, kind) for kind in ("log", "checkpoints", "folded")):
        return ()
    attempts = State(files, layout).records().attempts
    moves = (move for attempt in attempts if attempt.manifest for move in attempt.manifest.moves)
    return {move.new.location.rpartition("/")[0]: move.new.location for move in moves}.values()


def _nearest(files: Files, place: str) -> Claim | None:
    """The claim of the location that `place` is, or lies below."""
    for folder in _upwards(place):
        found = _read(files, join(folder, HOTSWAP_FOLDER, "claim.json"))
        if found is not None:
            return found
    return None


def _upwards(place: str) -> Iterator[str]:
    """`place` and the folders above it, but for the root."""
    folder = real_place(place)
    for _ in range(_MOST_ABOVE):
        if not folder.partition("://")[2].partition("/")[2]:
            return
        yield folder
        folder = folder.rpartition("/")[0]


def _read(files: Files, path: str) -> Claim | None:
    try:
        return read_object(files, path, Claim, "Restore it from a backup, or ask whose it is.")
    except (FileNotFoundError, NotADirectoryError):
        return None
