"""All checks of one table, in an order in which each finds what it needs; one that cannot be made is a finding too."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thrift.Thrift import TException

from loader.basics.errors import Damage, HotswapError, from_foreign
from loader.ops.doctor.consistency import claim, configuration, space, state, tables, this_machine
from loader.ops.doctor.hbase import decoding, hbase
from loader.ops.doctor.log import log
from loader.ops.doctor.metastore import metastores, reads_agree, settings, table
from loader.ops.doctor.metrics import metrics
from loader.ops.doctor.scratch_table import by_doing
from loader.ops.doctor.subject import Check, Patient
from loader.report.findings import Finding, Grade
from metastore.api import Metastore
from metastore.errors import MetastoreError

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings
    from loader.sources.hbase.access.api import HBaseClient

CHECKS: tuple[Check, ...] = (
    this_machine,
    metastores,
    settings,
    table,
    reads_agree,
    configuration,
    claim,
    hbase,
    decoding,
    by_doing,
    state,
    tables,
    space,
    metrics,
)


CHECKS_OF_LOGS = tuple(log if check is hbase else check for check in CHECKS if check is not decoding)
"""Of a table of events."""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What was looked at (`checks`), what is worth knowing (`facts`), and what is wrong."""

    table: str
    checks: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]


def examine(patient: Patient, checks: tuple[Check, ...] = CHECKS) -> DoctorReport:
    """Make every check. Only a bug of ours raises."""
    findings = [finding for check in checks for finding in _examined(check, patient)]
    return DoctorReport(
        table=str(patient.table.hive_table),
        checks=tuple(check.__name__ for check in checks),
        facts=tuple(patient.facts),
        findings=tuple(dict.fromkeys(findings)),
    )


def _examined(check: Check, patient: Patient) -> Iterator[Finding]:
    try:
        yield from check(patient)
    except (HotswapError, MetastoreError, OSError, TException) as error:
        told = from_foreign(error)
        if told is None:
            raise
        where = str(patient.table.hive_table)
        grade = Grade.DAMAGE if isinstance(told, Damage) else Grade.TO_DO
        yield Finding(grade, check.__name__.replace("_", " "), where, told.message, told.hint)


def _no_hbase() -> "HBaseClient":
    raise RuntimeError("a table of events is not asked about HBase")


def doctor(settings: "Settings", table: "TableSettings", clock_table: str | None = None) -> DoctorReport:
    """Examine one table on the configured servers. `clock_table`: an HBase table in which small cells may be put."""
    from loader.ops.doctor.java import java_version  # noqa: PLC0415
    from loader.sources.hbase.access.api import Patience  # noqa: PLC0415
    from loader.storage.choose import files_of  # noqa: PLC0415
    from loader.wiring.source import connector  # noqa: PLC0415
    from loader.wiring.table import environment, identity, now_ms, open_metastore  # noqa: PLC0415

    def at(uri: str) -> Metastore:
        only = settings.metastore.model_copy(update={"uris": (uri,)})
        return open_metastore(settings.model_copy(update={"metastore": only}))

    who = identity()
    patient = Patient(
        settings=settings,
        table=table,
        metastores=at,
        hbase=connector(settings, Patience(tries=2)) if table.source is None else _no_hbase,
        environment=lambda metastore, hive: environment(
            metastore, files_of(hive.location, table.state), hive, table, who
        ),
        clock=now_ms,
        run=who.run,
        java=lambda: java_version(os.environ),
        clock_table=clock_table,
    )
    try:
        return examine(patient, CHECKS if table.source is None else CHECKS_OF_LOGS)
    finally:
        if patient.metastore is not None:
            patient.metastore.close()
