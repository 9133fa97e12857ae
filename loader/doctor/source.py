"""HBase: is Thrift2 there, is the table what the mapping says, and do delete markers live long enough."""

from collections.abc import Iterator
from itertools import islice

from loader.doctor.patient import Patient, note, to_do
from loader.findings import Finding
from loader.mapping import Mapping
from loader.quantities import counted, duration_text
from loader.sources.families import FOREVER_S, PURGE, FamilyFacts, family_facts
from loader.sources.idl import TColumn, TScan, TTimeRange
from loader.sources.opening import mapping_of, reader_of
from loader.sources.scan import ALL_VERSIONS, RAW

SAMPLE = 200
FUTURE_MS = 5_000


def hbase(patient: Patient) -> Iterator[Finding]:
    """Each Thrift2 address answers; the table and its families are there."""
    mapping, name = mapping_of(patient.table), patient.table.hbase_table
    with patient.hbase() as client:
        client.check_table(name, mapping.families)
        regions = len(client.regions(name))
        patient.fact("HBase", f"{client.endpoint}: {name}, {counted(regions, 'region')}")
        for family, settings in client.family_settings(name).items():
            if family in mapping.families:
                yield from _family(name, family_facts(family, settings))
    yield from _future(patient, mapping)


def _family(table: str, family: FamilyFacts) -> Iterator[Finding]:
    where = f"{table}, family {family.name.decode('utf-8', 'replace')}"
    if not family.keeps_markers:
        what = (
            f"{PURGE} is not set for it: a compaction removes delete markers, which a loader that is away then misses"
        )
        do = f"alter '{table}', {{NAME => '{family.name.decode()}', CONFIGURATION => {{'{PURGE}' => '86400000'}}}}"
        yield note("delete markers", where, what, f"{do}; or count on `hotswap reconcile` after a long absence.")
    if family.time_to_live_s < FOREVER_S:
        what = f"its cells expire after {duration_text(float(family.time_to_live_s))}, which no window sees"
        yield note("expiry", where, what, "Let `hotswap reconcile` run now and then: it finds rows that expired.")


def _future(patient: Patient, mapping: Mapping) -> Iterator[Finding]:
    """Cells stamped in the future: a clock that is wrong, or a client that sets timestamps. They hide later puts."""
    after = patient.clock() + FUTURE_MS
    scan = TScan(
        columns=[TColumn(family=family) for family in mapping.families],
        caching=1,
        maxVersions=ALL_VERSIONS,
        timeRange=TTimeRange(minStamp=after, maxStamp=2**63 - 1),
        attributes=RAW,
        cacheBlocks=False,
    )
    with patient.hbase() as client:
        rows = next(iter(client.scan(patient.table.hbase_table, scan, 1)), [])
    if rows:
        ahead = duration_text((max(cell.timestamp for cell in rows[0].columnValues) - after + FUTURE_MS) // 1000 * 1.0)
        what = f"row {rows[0].row!r} has a cell stamped {ahead} ahead of this machine's clock"
        do = "Set the clocks of HBase's servers and of this machine right, and let no client set timestamps."
        yield to_do("clocks", patient.table.hbase_table, what, do)


def decoding(patient: Patient) -> Iterator[Finding]:
    """The first rows, decoded as a batch would decode them."""
    mapping, name = mapping_of(patient.table), patient.table.hbase_table
    scan = TScan(columns=[TColumn(family=family) for family in mapping.families], caching=SAMPLE, cacheBlocks=False)
    with patient.hbase() as client:
        keys = [row.row for rows in islice(client.scan(name, scan, SAMPLE), 1) for row in rows]
    read = reader_of(patient.settings, patient.table, mapping).read(keys, 0)
    patient.fact("sample", f"{counted(len(keys), 'row')} read, {len(read.rejected):,} cannot be decoded")
    if read.rejected:
        worst = read.rejected[0]
        what = f"{len(read.rejected):,} of the first {counted(len(keys), 'row')} cannot be decoded: {worst.reason}"
        yield to_do("mapping", worst.column or "row key", what, f"hotswap init {patient.table.hive_table} --sample 20")
