"""What `doctor` asks of the log that a table has its events from."""

from collections.abc import Iterator

from loader.ops.doctor.subject import Patient
from loader.report.findings import Finding
from loader.sources.api import going_on_from
from loader.wiring.events import log_of
from loader.wiring.source_name import source_name


def log(patient: Patient) -> Iterator[Finding]:
    """The log can be asked, and gone on with from the table's position. What cannot is raised, and told as found."""
    source = log_of(patient.table)
    try:
        since = patient.env.state.records().state.position if patient.env is not None else None
        stretch = source.poll(going_on_from(since), patient.table.max_events)
    finally:
        source.close()
    waiting = stretch.events if stretch is not None else 0
    more = " and more" if stretch is not None and stretch.more else ""
    patient.fact("log", f"{source_name(patient.table)}, {waiting:,} events{more} to be read")
    yield from ()
