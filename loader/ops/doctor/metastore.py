"""The metastore: does each of its addresses answer, with what version, and is it set so that the promise can hold."""

import re
from collections.abc import Iterator
from contextlib import closing

from loader.basics.errors import RUNBOOK, from_foreign
from loader.basics.quantities import counted, size_text
from loader.ops.doctor.subject import Patient, note, to_do
from loader.publish.suitable import unsuitable
from loader.report.findings import Finding
from loader.state.names import check_formats
from metastore.api import LockState, Metastore, Server
from metastore.errors import MetastoreError, NoSuchTable
from metastore.fence import fence_values

CACHED = "org.apache.hadoop.hive.metastore.cache.CachedStore"
BYTES_A_COLUMN, BYTES_A_PARTITION = 40, 500
"""What a partition weighs in a call: about 0.9 KB at 10 columns, 4.1 KB at 100 (4-hive-facts 5)."""


def metastores(patient: Patient) -> Iterator[Finding]:
    """Every configured address: a fail-over that does not answer, or is another metastore, is found too late."""
    found: dict[str, Server] = {}
    for uri in patient.settings.metastore.uris:
        try:
            metastore = patient.metastores(uri)
            found[uri] = metastore.server()
        except (MetastoreError, OSError) as error:
            told = from_foreign(error)
            yield to_do("metastore", uri, told.message if told else str(error), told.hint if told else "")
            continue
        patient.fact("metastore", f"{uri}: {found[uri].text}")
        if patient.metastore is None:
            patient.metastore = metastore
        else:
            metastore.close()
    if len({server.uuid for server in found.values()}) > 1:
        what = f"these are different metastores: {', '.join(found)}"
        yield to_do("metastore", "metastore.uris", what, "Name the servers of one metastore only.")
    if patient.metastore is not None:
        yield from _open_table(patient, patient.metastore)


def _open_table(patient: Patient, metastore: Metastore) -> Iterator[Finding]:
    name = patient.table.hive_table
    try:
        patient.hive = metastore.table(name)
    except NoSuchTable:
        yield to_do("metastore", str(name), "there is no such Hive table", f"hotswap init {name}")
        return
    env = patient.environment(metastore, patient.hive)
    check_formats(env.files, env.layout)  # doctor writes, too
    patient.env = env


def settings(patient: Patient) -> Iterator[Finding]:
    """Settings of the server that break the promise, or make it depend on a person."""
    metastore = patient.metastore
    if metastore is None:
        return
    version = metastore.server().version
    partitions = len(metastore.partition_names(patient.hive.name)) if patient.hive else 0
    yield from _cached_store(metastore)
    yield from _batched_sql(metastore, partitions)
    yield from _housekeeping(metastore, version)
    yield from _notifications(metastore, version, partitions)
    yield from _name_pattern(patient, metastore)
    yield from _message_size(patient, metastore.server(), partitions)


def _cached_store(metastore: Metastore) -> Iterator[Finding]:
    for key in ("metastore.rawstore.impl", "hive.metastore.rawstore.impl"):
        if metastore.setting(key) == CACHED:
            what = "the metastore answers from a cache: even the read-back of a swap may be stale"
            yield to_do("metastore settings", key, what, "Set it to org.apache.hadoop.hive.metastore.ObjectStore.")
            return


def _batched_sql(metastore: Metastore, partitions: int) -> Iterator[Finding]:
    for key in ("metastore.direct.sql.batch.size", "hive.metastore.direct.sql.batch.size"):
        size = _number(metastore.setting(key))
        if size > 0:
            hurts = metastore.server().version >= (4, 0, 0) and partitions > size
            what = f"is {size}: Hive 4 answers wrongly over more partitions than that, and readers can see two batches"
            make = to_do if hurts or partitions > size else note
            yield make("metastore settings", key, what, f"Set it to 0, or well above {partitions:,}.")
            return


def _housekeeping(metastore: Metastore, version: tuple[int, int, int]) -> Iterator[Finding]:
    keys = (
        ("metastore.housekeeping.threads.on", "hive.metastore.housekeeping.threads.on")
        if version >= (4, 0, 0)
        else ("hive.compactor.initiator.on", "metastore.compactor.initiator.on")
    )
    told = [value for value in map(metastore.setting, keys) if value is not None]
    if told and not any(value.lower() == "true" for value in told):
        what = "no housekeeping thread runs in this metastore: a lock whose owner died may stay for ever"
        do = f"Switch it on in one server of this metastore, or remove such locks by hand (see {RUNBOOK})."
        yield note("metastore settings", keys[0], what, do)


def _notifications(metastore: Metastore, version: tuple[int, int, int], partitions: int) -> Iterator[Finding]:
    """HIVE-29670: more than 1,000 partitions in one call, the fence among them, fail on 4.1 and later if it listens."""
    keys = ("metastore.transactional.event.listeners", "hive.metastore.transactional.event.listeners")
    listens = any("DbNotificationListener" in (metastore.setting(key) or "") for key in keys)
    batch = _number(metastore.setting("metastore.jdbc.max.batch.size")) or 1000
    if version >= (4, 1, 0) and listens and partitions >= batch:
        what = f"is {batch}: a swap of more partitions than that fails, its fence counted (HIVE-29670); "
        what += f"there are {partitions}"
        do = f"Set it above {partitions:,}, or `partitions_per_swap: {batch}` on the table."
        yield to_do("metastore settings", "metastore.jdbc.max.batch.size", what, do)


def _name_pattern(patient: Patient, metastore: Metastore) -> Iterator[Finding]:
    """A pattern for partition values that refuses the fence makes every swap without one."""
    keys = ("metastore.partition.name.whitelist.pattern", "hive.metastore.partition.name.whitelist.pattern")
    pattern = next(filter(None, map(metastore.setting, keys)), None)
    fence = fence_values(patient.hive.partition_keys, 1) if patient.hive else None
    if pattern and fence and patient.table.fence:
        refused = [value for value in fence if not re.fullmatch(pattern, value)]
        if refused:
            what = f"is {pattern}: it refuses the fence's value {refused[0]}"
            yield to_do("metastore settings", keys[0], what, "Allow it, or set `fence: false` knowing what that costs.")


def _message_size(patient: Patient, server: Server, partitions: int) -> Iterator[Finding]:
    columns = len(patient.hive.columns) if patient.hive else 0
    needed = partitions * (BYTES_A_PARTITION + columns * BYTES_A_COLUMN)
    if needed > server.max_message_bytes // 2:
        what = f"{counted(partitions, 'partition')} in one call would be about {size_text(needed)} of"
        what += f" {size_text(server.max_message_bytes)} that the server takes"
        yield to_do("metastore settings", "hive.metastore.server.max.message.size", what, "Raise it on the server.")


def table(patient: Patient) -> Iterator[Finding]:
    """The Hive table is of a kind that can be kept, and nobody's lock was left on it."""
    if patient.hive is None or patient.metastore is None:
        return
    hive = patient.hive
    patient.fact("Hive table", f"{hive.name} at {hive.location}, owner {hive.owner}")
    for problem in unsuitable(hive):
        yield to_do("Hive table", str(hive.name), problem.message, problem.hint)
    yield from _locks(patient, patient.metastore)


def _locks(patient: Patient, metastore: Metastore) -> Iterator[Finding]:
    expired_s = patient.clock() / 1000 - metastore.server().lock_timeout_s
    for lock in metastore.locks(patient.table.hive_table):
        beat = lock.last_heartbeat or lock.acquired_at
        if lock.state is LockState.ACQUIRED and beat is not None and beat < expired_s:
            what = f"lock {lock.id} of {lock.user}@{lock.host} ({lock.agent}) has outlived its time-out"
            yield to_do(
                "locks",
                str(patient.table.hive_table),
                what,
                f"See `A lock was left behind` in {RUNBOOK}.",
            )


def reads_agree(patient: Patient) -> Iterator[Finding]:
    """Each address tells of the same table: a standby that lags would make read-backs stale."""
    if patient.hive is None or len(patient.settings.metastore.uris) < 2:
        return
    told: dict[str, frozenset[tuple[tuple[str, ...], str]]] = {}
    for uri in patient.settings.metastore.uris:
        try:
            with closing(patient.metastores(uri)) as metastore:
                partitions = metastore.all_partitions(patient.hive.name)
        except (MetastoreError, OSError):
            continue  # told above
        told[uri] = frozenset((partition.values, partition.location) for partition in partitions)
    if len(set(told.values())) > 1:
        what = f"{', '.join(told)} tell of different locations"
        do = "Run doctor again while nothing is published; if they still differ, name one server only."
        yield to_do("metastore", "metastore.uris", what, do)


def _number(text: str | None) -> int:
    return int(text) if text and text.strip().lstrip("-").isdigit() else 0
