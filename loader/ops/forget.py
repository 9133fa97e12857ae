"""`hotswap forget`: the table is a plain Hive table again, with the rows that it has; hotswap knows nothing of it.

No row and no version is touched: live partitions lie below `_hotswap/versions` and stay there, as do old versions,
which running queries may read. What goes is the claim, the state, the fences and the table's properties; the claim
last, so that a forget that was interrupted is done by calling it again.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loader.basics.errors import Conflict, ForeignClaim
from loader.ops.init import FOLDER_PROPERTY, HBASE_PROPERTY, INIT_PROPERTY
from loader.state.claim import Claim, read_claim
from loader.state.deleting import delete_object, delete_tree, remove_made
from loader.state.layout import Layout
from loader.state.lock import table_lock
from loader.state.open_table import Environment
from loader.state.records import State
from loader.storage.choose import files_of
from loader.storage.files import Files, join
from loader.storage.places import HOTSWAP_FOLDER
from loader.wiring.table import environment, identity, layout_of, open_metastore
from metastore.api import Metastore, Table, TableName
from metastore.errors import NoSuchTable
from metastore.fence import is_fence
from metastore.locks import TableLock

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings

PROPERTIES = (FOLDER_PROPERTY, HBASE_PROPERTY, INIT_PROPERTY)


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What goes, or, `done`, has gone. `stays`: partitions that the Hive table keeps; None: there is no Hive table."""

    table: str
    location: str
    claims: tuple[str, ...]
    properties: tuple[str, ...]
    fences: int
    state: tuple[str, ...]
    stays: int | None
    versions: str
    done: bool = False

    @property
    def nothing(self) -> bool:
        return not (self.claims or self.properties or self.fences or self.state)


def forget(settings: "Settings", table: "TableSettings", dry: bool) -> ForgetReport:
    """Raises ForeignClaim, Conflict (an attempt is open), LockHeld (a loader holds the table)."""
    return forget_table(open_metastore(settings), table, dry)


def forget_table(metastore: Metastore, table: "TableSettings", dry: bool) -> ForgetReport:
    hive = _hive_table(metastore, table.hive_table)
    location = hive.location if hive else table.location
    if location is None:
        raise NoSuchTable(f"there is no table {table.hive_table}, and no `location` says where its files lay")
    files, layout = files_of(location, table.state), layout_of(table, location)
    report = _found(metastore, files, layout, table.hive_table, hive)
    if dry or report.nothing:
        return report
    env = environment(metastore, files, hive, table, identity()) if hive else None
    lock = table_lock(env) if env else _bare_lock(metastore, table.hive_table, table.lock_wait)
    lock.acquire()
    try:
        return _carry_out(metastore, files, layout, table.hive_table, env)
    finally:
        lock.release()


def _hive_table(metastore: Metastore, name: TableName) -> Table | None:
    try:
        return metastore.table(name)
    except NoSuchTable:
        return None


def _bare_lock(metastore: Metastore, name: TableName, wait_s: float) -> TableLock:
    """Servers lock names that no table has."""
    who = identity()
    return TableLock(metastore, name, user=who.user, host=who.host, agent=f"hotswap {who.run}", wait_s=wait_s)


def _found(metastore: Metastore, files: Files, layout: Layout, name: TableName, hive: Table | None) -> ForgetReport:
    """Raises ForeignClaim where the location, and so the state, is another table's."""
    claim, of_state = read_claim(files, layout.claim), read_claim(files, layout.state_claim)
    _check_ours(metastore, layout.table, name, claim)
    _check_ours(metastore, layout.state, name, of_state)
    partitions = metastore.partition_names(name) if hive else ()
    fences = sum(is_fence(hive.partition_keys, values) for values in partitions) if hive else 0
    own = of_state is not None or _is_below(layout)
    return ForgetReport(
        table=str(name),
        location=layout.table,
        claims=tuple(path for path, found in ((layout.state_claim, of_state), (layout.claim, claim)) if found),
        properties=tuple(key for key in PROPERTIES if hive and key in hive.parameters),
        fences=fences,
        state=tuple(path for path in _state_paths(layout) if files.exists(path)) if own else (),
        stays=len(partitions) - fences if hive else None,
        versions=join(layout.table, HOTSWAP_FOLDER, "versions"),
    )


def _check_ours(metastore: Metastore, place: str, name: TableName, claim: Claim | None) -> None:
    """A claim of the same name is this table's, also if it was dropped and created again since."""
    if claim is None:
        return
    uuid = metastore.server().uuid
    if claim.table != str(name) or (claim.metastore and uuid and claim.metastore != uuid):
        raise ForeignClaim(
            f"{place} belongs to {claim.table}{' of another metastore' if claim.table == str(name) else ''}",
            "Nothing was changed. Correct `location`, `state` and `hive_table`, or forget that table.",
        )


def _is_below(layout: Layout) -> bool:
    """The state folder is the one below the location, which the location's claim covers."""
    return layout.state.startswith(join(layout.table, HOTSWAP_FOLDER))


def _state_paths(layout: Layout) -> list[str]:
    """All that this program ever puts into the state folder, by name: of whatever else lies there it knows nothing."""
    known = (getattr(layout, name) for name, value in vars(Layout).items() if isinstance(value, property))
    inside = {path for path in known if path.rpartition("/")[0] == layout.state.rstrip("/")} - {layout.state_claim}
    return [*sorted(inside), layout.bootstrap, join(layout.table, HOTSWAP_FOLDER, "temporary")]


def _carry_out(
    metastore: Metastore, files: Files, layout: Layout, name: TableName, env: Environment | None
) -> ForgetReport:
    if open_attempts := State(files, layout).records().unsettled:
        raise Conflict(
            f"attempt {open_attempts[0].intent.attempt} of {name} is not settled, so nothing was forgotten",
            f"Run `hotswap recover {name}` first: what the attempt has published is known only to its state.",
        )
    report = _found(metastore, files, layout, name, _hive_table(metastore, name))
    if env is not None:
        env.fences.drop_others()
        metastore.alter_table_parameters(name, {}, PROPERTIES)
    for path in report.state:
        delete = delete_object if path == layout.reserve else delete_tree
        delete(files, layout, path)
    for path in report.claims:
        delete_object(files, layout, path)
    for folder in (layout.state, report.versions, join(layout.table, HOTSWAP_FOLDER)):
        remove_made(files, folder)  # of a table that never held a row
    return replace(report, done=True)
