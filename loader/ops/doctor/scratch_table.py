"""What the loader does to a table, done to a scratch table of the doctor's own, in the same database and file system.

The table, its partitions and its files are removed afterwards, also after a failure. A step that fails says what was
tried; the steps after it are left out.
"""

import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from loader.basics.errors import from_foreign
from loader.datafiles.split_file import count_rows, write_empty
from loader.ops.doctor.subject import Patient, note, to_do
from loader.report.findings import Finding
from loader.state.deleting import delete_tree, remove_empty
from loader.state.open_table import Environment
from loader.storage.files import About, join
from metastore.api import Column, LockState, Metastore, Partition, PartitionValues, Table, TableName
from metastore.errors import MetastoreError, NoSuchTable
from metastore.fence import fence_values
from partitioner.planning.plan import file_name
from partitioner.values import Bucket, same_location

MARK = "hotswap.doctor"
OTHERS_MS = 600_000
"""A scratch table older than this was left behind; a younger one is another doctor's."""
PROBE_KEY = Column("probe", "string")
COUNTED = "4711"
"""No scratch directory has so many rows: a server that counts by itself gives itself away."""
BEYOND_LATIN = "hotswap-東京"


class Refused(Exception):
    """A step that the server or the file system answered otherwise than the promise needs."""

    def __init__(self, what: str, do: str) -> None:
        super().__init__(what)
        self.what, self.do = what, do


@dataclass(slots=True)
class Scratch:
    """The scratch table. `seconds` is told by the last swap; `clock_ahead_s` by the table's creation."""

    env: Environment
    metastore: Metastore
    name: TableName
    keys: tuple[Column, ...]
    folder: str
    clock_ms: int
    made: bool = False
    facts: list[tuple[str, str]] = field(default_factory=list)

    @staticmethod
    def of(patient: Patient, env: Environment, metastore: Metastore) -> "Scratch":
        wanted = patient.table.hive_table
        name = TableName(wanted.database, f"hotswap_doctor_{wanted.table}"[:120])
        keys = env.partition_keys if fence_values(env.partition_keys, 3) else (PROBE_KEY,)
        folder = join(env.layout.table, "_hotswap", "doctor", patient.run)
        return Scratch(env, metastore, name, keys, folder, patient.clock())

    def values(self, number: int) -> PartitionValues:
        found = fence_values(self.keys, number)
        assert found is not None
        return found

    def partition(self, number: int, version: str) -> Partition:
        place = join(self.folder, "versions", version)
        return Partition(self.values(number), place, self.env.columns_of(self.env.columns), self.env.storage, {})

    def place_of(self, number: int) -> str:
        (found,) = self.metastore.partitions(self.name, [self.values(number)])
        return found.location


def write(scratch: Scratch) -> None:
    """Files as a batch writes them: exclusive names, links, a whole data file."""
    files = scratch.env.files
    for version in ("fence", "one", "two"):
        files.make_dirs(join(scratch.folder, "versions", version))
        write_empty(files, join(scratch.folder, "versions", version), scratch.env.columns, scratch.env.format)
    probe, other = join(scratch.folder, "probe"), join(scratch.folder, "other")
    files.create(probe, b"1")
    with suppress(FileExistsError):
        files.create(probe, b"2")
        do = "Two loaders could both own a batch number there: use another file system."
        raise Refused(f"{scratch.folder}: the file system creates over a name that is taken", do)
    files.link(probe, other)
    files.sync([probe, scratch.folder])


def create(scratch: Scratch) -> None:
    """The table itself; dated by the server's clock."""
    _remove_leftover(scratch)
    scratch.metastore.create_table(
        Table(
            name=scratch.name,
            columns=scratch.env.columns_of(scratch.env.columns),
            partition_keys=scratch.keys,
            location=join(scratch.folder, "table"),
            format=scratch.env.storage,
            parameters={MARK: scratch.env.identity.run},
            owner=scratch.env.identity.user,
        )
    )
    scratch.made = True


def _remove_leftover(scratch: Scratch) -> None:
    try:
        found = scratch.metastore.table(scratch.name)
    except NoSuchTable:
        return
    if MARK not in found.parameters:
        raise Refused(f"{scratch.name} is there, and not ours", "Rename that table: doctor needs the name.")
    if scratch.clock_ms - found.create_time * 1000 < OTHERS_MS:
        raise Refused(f"{scratch.name} is in use by another doctor", "Wait until it has ended, and run doctor again.")
    scratch.metastore.drop_table(scratch.name)


def add(scratch: Scratch) -> None:
    """As a new partition is added; the metastore's user may have to make directories."""
    scratch.metastore.add_partitions(scratch.name, [scratch.partition(1, "fence"), scratch.partition(2, "one")])


def lock(scratch: Scratch) -> None:
    """The lock tables are missing where a schema was made by autoCreateAll (4-hive-facts 9)."""
    who = scratch.env.identity
    ours = scratch.metastore.lock(scratch.name, who.user, who.host, f"hotswap doctor {who.run}")
    second = None
    try:
        if ours.state is not LockState.ACQUIRED:
            raise Refused("a lock on a table that nobody uses is not given", "Look at the metastore's log.")
        scratch.metastore.heartbeat(ours.id)
        second = scratch.metastore.lock(scratch.name, who.user, who.host, f"hotswap doctor {who.run} again")
        if second.state is LockState.ACQUIRED:
            raise Refused("two loaders get the table's lock at once", "Report it, with the metastore's version.")
    finally:
        for item in filter(None, (second, ours)):
            scratch.metastore.unlock(item.id)


def swap(scratch: Scratch) -> None:
    """The one call, and its read-back: the new place at once, parameters verbatim."""
    both = {item.values: item for item in scratch.metastore.all_partitions(scratch.name)}
    fence, probe = both[scratch.values(1)], both[scratch.values(2)]
    place = join(scratch.folder, "versions", "two")
    moved = replace(probe, location=place, parameters={**probe.parameters, "numRows": COUNTED})
    scratch.metastore.alter_partitions(scratch.name, [replace(fence, parameters={MARK: "swapped"}), moved])
    for _ in range(3):
        (seen,) = scratch.metastore.partitions(scratch.name, [scratch.values(2)])
        if not same_location(seen.location, place):
            do = "Is it a cached raw store, or a database replica that lags? Readers and read-backs need the newest."
            raise Refused("the metastore answers with the old place after a swap", do)
        if seen.parameters.get("numRows") != COUNTED:
            do = "A listener or a patched server rewrites statistics: count(*) in Hive would be wrong. Find it."
            raise Refused("the metastore does not store what a swap says (numRows)", do)


def read(scratch: Scratch) -> None:
    """Through the place that the metastore tells, as a reader does."""
    place = scratch.place_of(2)
    if count_rows(scratch.env.files, join(place, file_name(Bucket(0, 1), scratch.env.format)), scratch.env.format):
        raise Refused("an empty file holds rows", "Report it.")


def fence(scratch: Scratch) -> None:
    """A swap that names a dropped fence moves nothing: what makes late calls harmless."""
    gone = scratch.partition(1, "fence")
    back = replace(scratch.partition(2, "one"), parameters={})
    scratch.metastore.drop_partition(scratch.name, gone.values)
    with suppress(MetastoreError):
        scratch.metastore.alter_partitions(scratch.name, [gone, back])
    if not same_location(scratch.place_of(2), join(scratch.folder, "versions", "two")):
        raise Refused("a swap that names a dropped fence goes through in part", "Do not run a loader; report it.")


def drop(scratch: Scratch) -> None:
    """The metadata goes and the files stay."""
    scratch.metastore.drop_partition(scratch.name, scratch.values(2))
    if not scratch.env.files.exists(
        join(scratch.folder, "versions", "two", file_name(Bucket(0, 1), scratch.env.format))
    ):
        raise Refused("dropping an external partition deletes its files", "Is external.table.purge set for all tables?")


STEPS = (write, create, add, lock, swap, read, fence, drop)

TRIED = {
    "write": ("writing files below the table's location", "Give the loader's user the right to write there."),
    "create": (
        "creating a table in its database",
        "Give the loader's user the right to create tables, or ignore this.",
    ),
    "add": (
        "adding partitions",
        "The loader's user needs ALTER on the table, the metastore's user write on its folder.",
    ),
    "lock": (
        "taking the table's lock",
        "Lock tables missing? A schema made by autoCreateAll lacks them: use schematool.",
    ),
    "swap": ("the swap, one alter_partitions", "The loader's user needs ALTER on the table and rights on the URI."),
    "read": ("reading what was written", "Metastore and loader must see one file system under one path."),
    "fence": ("refusing a swap without its fence", "Look at the metastore's log."),
    "drop": ("dropping a partition", "The loader's user needs the right to drop partitions: fences are dropped."),
}


def by_doing(patient: Patient) -> Iterator[Finding]:
    """Write, create, add, lock, swap, read, drop; then put all away."""
    if patient.env is None or patient.metastore is None:
        return
    scratch = Scratch.of(patient, patient.env, patient.metastore)
    try:
        yield from _steps(patient, scratch)
        yield from _readable(scratch)
        yield from _names(scratch)
        yield from _clock(patient, scratch)
    finally:
        left = _put_away(scratch)
    for what in left:
        yield to_do("by doing", what, "could not be removed", "Remove it by hand: it belongs to doctor.")


def _steps(patient: Patient, scratch: Scratch) -> Iterator[Finding]:
    done = []
    for step in STEPS:
        tried, do = TRIED[step.__name__]
        try:
            step(scratch)
        except Refused as refused:
            yield to_do("by doing", str(scratch.name), refused.what, refused.do)
            break
        except (MetastoreError, OSError) as error:
            told = from_foreign(error)
            yield to_do("by doing", str(scratch.name), f"{tried} failed: {told.message if told else error}", do)
            break
        done.append(step.__name__)
    patient.fact("tried", ", ".join(done) or "nothing")


def _readable(scratch: Scratch) -> Iterator[Finding]:
    """Hive, Trino and Impala read as users of their own."""
    mode = _about(scratch, "versions", "two").mode
    if mode is not None and not mode & (stat.S_IROTH | stat.S_IRGRP):
        what = f"directories are made with mode {stat.filemode(stat.S_IFDIR | mode)}: only this user can read them"
        do = "They take group and mode from the table's folder: chgrp and chmod that (and what is below it)."
        yield to_do("by doing", join(scratch.folder, "versions"), what, do)
    if not scratch.env.files.can.hard_links or _about(scratch, "probe").names == 1:
        what = "the file system has no hard links: one changed row copies the rest of its partition"
        yield note("by doing", scratch.folder, what, "Partition finer, or publish less often (`publish_every`).")


def _about(scratch: Scratch, *names: str) -> About:
    """Of what was tried; nothing of what was not."""
    try:
        return scratch.env.files.about(join(scratch.folder, *names))
    except FileNotFoundError:
        return About(None, None)


def _names(scratch: Scratch) -> Iterator[Finding]:
    """Characters outside latin1: a metastore on MySQL with a latin1 schema cannot hold them (4-hive-facts, 7)."""
    places = [place for place, key in enumerate(scratch.keys) if key.type == "string"]
    if not scratch.made or not places:
        return
    values = tuple(BEYOND_LATIN if place in places else value for place, value in enumerate(scratch.values(2)))
    try:
        scratch.metastore.add_partitions(scratch.name, [replace(scratch.partition(2, "one"), values=values)])
        kept = values in scratch.metastore.partition_names(scratch.name)
        scratch.metastore.drop_partition(scratch.name, values)
    except MetastoreError:
        kept = False
    if not kept:
        what = "the metastore cannot hold partition values with characters outside latin1"
        yield to_do("by doing", str(scratch.name), what, "Make its PARTITIONS tables utf8mb4, or keep such values out.")


def _clock(patient: Patient, scratch: Scratch) -> Iterator[Finding]:
    if not scratch.made:
        return
    ahead = scratch.metastore.table(scratch.name).create_time - scratch.clock_ms / 1000
    patient.fact("metastore's clock", f"within {abs(ahead):.0f} s of this machine's")
    if abs(ahead) > 30:
        what = f"the metastore's clock is {ahead:+.0f} s off this machine's: lock ages are told wrongly"
        yield to_do("clocks", str(patient.table.hive_table), what, "Set both clocks right (NTP).")


def _put_away(scratch: Scratch) -> list[str]:
    """What could not be removed."""
    left = []
    if scratch.made:
        try:
            scratch.metastore.drop_table(scratch.name)
        except MetastoreError:
            left.append(str(scratch.name))
    try:
        delete_tree(scratch.env.files, scratch.env.layout, scratch.folder)
        remove_empty(scratch.env.files, scratch.env.layout, scratch.folder.rpartition("/")[0])
    except FileNotFoundError:
        return left
    except OSError:
        left.append(scratch.folder)
    return left
