"""Configuration against reality, and places that tell of one thing twice: both must say the same."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.metadata import version
from platform import python_version

from loader.basics.errors import RUNBOOK, ConfigError, UnsuitableTable
from loader.basics.quantities import size_text
from loader.ops.doctor.subject import Patient, to_do
from loader.ops.init import FOLDER_PROPERTY, HBASE_PROPERTY
from loader.ops.verify.partitions import snapshot, verify_table
from loader.publish.preconditions import specs
from loader.publish.suitable import check_format
from loader.report.alarms import space_alarms
from loader.report.findings import Finding, Grade
from loader.report.space import room_of_state, space_of
from loader.state.claim import check_claim, claim_of
from loader.state.definitions import current
from loader.state.deleting import delete_object
from loader.state.open_table import Environment
from loader.storage.files import Room, join
from loader.wiring.definition import check_definition, configured_mapping, rows_mapping
from loader.wiring.table import FORMATS
from metastore.fence import fence_values
from partitioner.history.table_state import TableState
from partitioner.values import ColumnSpec, same_location

OLDEST_JAVA = 17


def this_machine(patient: Patient) -> Iterator[Finding]:
    """What `run` needs here: Java for Spark."""
    java = patient.java()
    patient.fact("this machine", f"hotswap {version('hotswap')}, Python {python_version()}, Java {java or 'not found'}")
    if java is None or java < OLDEST_JAVA:
        what = "`hotswap run` starts Spark, which needs Java 17 or later"
        yield to_do("this machine", "Java", what, "Install it, or set JAVA_HOME. `run --once` needs none.")


def configuration(patient: Patient) -> Iterator[Finding]:
    """The Hive table is the one that the configuration describes."""
    hive, table = patient.hive, patient.table
    if hive is None:
        return
    mapping = configured_mapping(table)
    for what, has, wants in (
        ("columns", specs(hive.columns), mapping.columns),
        ("partition keys", specs(hive.partition_keys), mapping.partition_keys),
    ):
        if tuple(has) != tuple(wants):
            told = f"its {what} are ({_spell(has)}), the configuration says ({_spell(wants)})"
            yield to_do("configuration", str(hive.name), told, "Make both name the same columns, types and order.")
    if patient.env is not None:
        try:
            check_definition(patient.env, table, rows_mapping(table, patient.env))
        except ConfigError as problem:
            yield to_do("configuration", str(hive.name), problem.message, problem.hint)
    try:
        check_format(hive, FORMATS[table.format])
    except UnsuitableTable as problem:
        yield to_do("configuration", str(hive.name), problem.message, problem.hint)
    if table.location and not same_location(table.location, hive.location):
        told = f"`location` is {table.location}, but Hive has the table at {hive.location}"
        yield to_do("configuration", str(hive.name), told, "Correct `location:`; Hive's is what counts.")
    was = hive.parameters.get(HBASE_PROPERTY)
    is_told = patient.env is not None and current(patient.env) is not None  # by the definition
    if was is not None and was != table.hbase_table and not is_told:
        told = f"`hbase_table` is {table.hbase_table}, but the table was initialised for {was}"
        yield to_do(
            "configuration", str(hive.name), told, "One Hive table is kept equal to one HBase table: correct it."
        )
    if table.fence and fence_values(hive.partition_keys, 1) is None:
        told = "its partition keys have no spare value for a fence: a lost reply needs a person to settle"
        yield to_do(
            "configuration", str(hive.name), told, "Add a partition key with room, or set `fence: false` to say so."
        )


def claim(patient: Patient) -> Iterator[Finding]:
    """The location's claim, and the folder that TBLPROPERTIES name. Raises ForeignClaim."""
    if patient.hive is None or patient.env is None or patient.metastore is None:
        return
    check_claim(patient.env.files, patient.env.layout, claim_of(patient.metastore, patient.hive))
    folder = patient.hive.parameters.get(FOLDER_PROPERTY)
    if folder is not None and not same_location(folder, f"{patient.hive.location}/_hotswap"):
        told = f"TBLPROPERTIES say that versions lie in {folder}, the table lies at {patient.hive.location}"
        yield to_do(
            "claim",
            str(patient.hive.name),
            told,
            f"Was the table moved? See {RUNBOOK}.",
        )


def state(patient: Patient) -> Iterator[Finding]:
    """The newest checkpoint against the whole log, and the position against the clock."""
    env = patient.env
    if env is None or not env.files.exists(env.layout.log):
        return
    yield from _checkpoint(env)
    position = env.state.position()
    if position is not None and position.read_ms > patient.clock():
        told = "the table was read up to a time that this machine's clock has not reached yet"
        yield to_do("clocks", str(env.table), told, "Set this machine's clock right: until then no change is seen.")


def _checkpoint(env: Environment) -> Iterator[Finding]:
    records, latest = env.state.records(), env.state.latest()
    published = env.state.records().state.batch != records.state.batch
    if not published and _told(latest.state) != _told(records.state):
        what = "the newest checkpoint and the whole log tell of different tables"
        do = "Stop the loader, keep the state folder as it is, then delete the newest checkpoint: the log counts."
        yield Finding(Grade.DAMAGE, "state", env.layout.checkpoints, what, do)


def _told(state: TableState) -> TableState:
    """But for the asks that are answered: a checkpoint leaves out those whose objects are gone."""
    return replace(state, answered=())


def tables(patient: Patient) -> Iterator[Finding]:
    """Metastore, manifests and files, as `hotswap verify` compares them."""
    if patient.env is not None:
        yield from verify_table(patient.env, snapshot(patient.env))


def space(patient: Patient) -> Iterator[Finding]:
    """Bytes and names that the file system still has."""
    env = patient.env
    if env is None:
        return
    live = [version.location for version in env.state.latest().state.live.values()]
    found = space_of(env.files, env.layout, live)
    if found.free is not None:
        patient.fact("space", f"{size_text(found.free)} free")
    for alarm in space_alarms(str(env.table), found, patient.table.alarms):
        yield to_do("space", env.layout.table, alarm.text)
    yield from _names(env, env.layout.table, env.files.room(env.layout.table))
    if (beside := room_of_state(env.files, env.layout)) is not None:
        patient.fact("space of the state", f"{size_text(beside.free or 0)} free")
        yield from _names(env, env.layout.state, beside)
    yield from _written(env)


def _written(env: Environment) -> Iterator[Finding]:
    """The state folder by doing: without it nothing can be published. One that is not there yet is made by `init`."""
    probe = join(env.layout.state, f".doctor-{env.identity.run}")
    if not env.files.exists(env.layout.state):
        return
    try:
        env.files.create(probe, b"1")
        delete_object(env.files, env.layout, probe)
    except OSError as error:
        what = f"the state folder cannot be written to: {error.strerror or error}"
        yield to_do("state", env.layout.state, what, "Make room, or give hotswap's user the right to write.")


def _names(env: Environment, place: str, told: Room) -> Iterator[Finding]:
    if told.free_names is not None and told.total_names and told.free_names < told.total_names // 20:
        what = f"{told.free_names:,} of {told.total_names:,} file names are left"
        yield to_do("space", place, what, f"hotswap clean {env.table}; every version is a directory of files.")


def _spell(columns: Iterable[ColumnSpec]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns)
