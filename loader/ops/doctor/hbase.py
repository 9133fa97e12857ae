"""HBase: is Thrift2 there, is the table what the mapping says, and do delete markers live long enough."""

from collections.abc import Iterator, Mapping

from loader.basics.printable import printable
from loader.basics.quantities import counted, duration_text
from loader.mapping import Mapping as CellMapping
from loader.ops.doctor.subject import Patient, note, to_do
from loader.report.findings import Finding
from loader.sources.hbase.absence import retention_of
from loader.sources.hbase.access.api import ALL_VERSIONS, Scan
from loader.sources.hbase.clock import measure_skew
from loader.sources.hbase.sample import spread_rows
from loader.wiring.mapping import mapping_of
from loader.wiring.source import reader_of

SAMPLE = 200
FUTURE_MS = 5_000
PURGE = "hbase.hstore.time.to.purge.deletes"
"""How long a compaction keeps delete markers: per family, or for a whole server (which Thrift2 does not tell)."""


def hbase(patient: Patient) -> Iterator[Finding]:
    """Each Thrift2 address answers; the table and its families are there."""
    mapping, name = mapping_of(patient.table), patient.table.hbase_table
    with patient.hbase() as client:
        client.check_table(name, mapping.families)
        regions = len(client.regions(name))
        patient.fact("HBase", f"{client.address}: {name}, {counted(regions, 'region')}")
        for family, settings in client.family_settings(name).items():
            if family in mapping.families:
                yield from _family(name, family, settings)
    yield from _future(patient, mapping)
    yield from _skew(patient)


def _family(table: str, name: bytes, settings: Mapping[bytes, bytes]) -> Iterator[Finding]:
    family, kept = name.decode("utf-8", "replace"), retention_of([settings])
    where = f"{table}, family {family}"
    if kept.markers_ms == 0:
        what = (
            f"{PURGE} is not set for it: a compaction removes delete markers, which a loader that is away then misses"
        )
        do = f"alter '{table}', {{NAME => '{family}', CONFIGURATION => {{'{PURGE}' => '86400000'}}}}"
        yield note("delete markers", where, what, f"{do}; or count on `hotswap reconcile` after a long absence.")
    if kept.cells_ms is not None:
        what = f"its cells expire after {duration_text(kept.cells_ms / 1000)}, which no window sees"
        yield note("expiry", where, what, "Let `hotswap reconcile` run now and then: it finds rows that expired.")


def _future(patient: Patient, mapping: CellMapping) -> Iterator[Finding]:
    """Cells stamped in the future: a clock that is wrong, or a client that sets timestamps. They hide later puts."""
    after = patient.clock() + FUTURE_MS
    columns = [(family, None) for family in mapping.families]
    scan = Scan(columns=columns, versions=ALL_VERSIONS, times=(after, 2**63 - 1), raw=True, caching=1)
    with patient.hbase() as client:
        rows = next(iter(client.scan(patient.table.hbase_table, scan, 1)), [])
    if rows:
        ahead = duration_text((max(cell.timestamp for cell in rows[0].columnValues) - after + FUTURE_MS) // 1000 * 1.0)
        what = f"row {printable(rows[0].row)} has a cell stamped {ahead} ahead of this machine's clock"
        do = "Set the clocks of HBase's servers and of this machine right, and let no client set timestamps."
        yield to_do("clocks", patient.table.hbase_table, what, do)


def _skew(patient: Patient) -> Iterator[Finding]:
    """The region servers' clocks against this machine's: windows are cut by ours, cells are stamped by theirs."""
    if patient.clock_table is None:
        return
    with patient.hbase() as client:
        skew = measure_skew(client, patient.clock_table, patient.clock)
    patient.fact("HBase's clocks", f"at most {skew.behind_ms} ms behind this machine's, {skew.ahead_ms} ms ahead")
    if max(skew.behind_ms, skew.ahead_ms) > patient.table.overlap * 1000:
        off = "behind" if skew.behind_ms >= skew.ahead_ms else "ahead of"
        by = duration_text(max(skew.behind_ms, skew.ahead_ms) / 1000)
        what = f"a region server's clock is {by} {off} this machine's: more than windows overlap"
        yield to_do("clocks", patient.clock_table, what, "Set the clocks right (NTP); until then raise `overlap`.")


def decoding(patient: Patient) -> Iterator[Finding]:
    """Rows from all over the table, decoded as a batch would decode them."""
    mapping, name = mapping_of(patient.table), patient.table.hbase_table
    with patient.hbase() as client:
        keys = [row.row for row in spread_rows(client, name, mapping.qualifiers, SAMPLE)]
    read = reader_of(patient.settings, patient.table, mapping).read(keys, 0)
    patient.fact("sample", f"{counted(len(keys), 'row')} read, {len(read.rejected):,} cannot be decoded")
    if read.rejected:
        worst = read.rejected[0]
        share = f"{len(read.rejected):,} of {counted(len(keys), 'row')} from all over the table"
        what = f"{share} cannot be decoded: {worst.reason}"
        yield to_do("mapping", worst.column or "row key", what, f"hotswap init {patient.table.hive_table} --dry-run")
