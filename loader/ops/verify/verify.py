"""What the verbs that look closely ask of a table; `loader.service.TableService` hands on to here."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loader.report.findings import Finding
from loader.state.open_table import Environment

if TYPE_CHECKING:
    from loader.config.settings import TableSettings


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What `verify` compared, and what it found. `batch`: the last committed one, None before the first."""

    table: str
    batch: int | None
    deep: bool
    partitions: int
    files: int
    rows: int
    bytes: int
    seconds: float
    findings: tuple[Finding, ...]


def verify(env: Environment, table: "TableSettings", deep: bool) -> VerifyReport:
    """Compare; with `deep` read the files as well."""
    from loader.ops.verify.partitions import snapshot, verify_table  # noqa: PLC0415 - likewise
    from loader.ops.verify.rows import Reading, verify_events, verify_rows  # noqa: PLC0415 - likewise
    from loader.wiring.definition import known_mapping  # noqa: PLC0415 - brings pyarrow

    started = time.perf_counter()
    seen = snapshot(env)
    findings = list(verify_table(env, seen))
    if deep:
        if table.source is None:
            findings += verify_rows(env, seen, known_mapping(table, env), Reading())
        else:
            findings += verify_events(env, seen)
    return VerifyReport(
        table=str(env.table),
        batch=seen.records.state.batch or None,
        deep=deep,
        partitions=len(seen.live),
        files=sum(len(version.files) for version in seen.live),
        rows=sum(version.rows for version in seen.live),
        bytes=sum(version.bytes for version in seen.live),
        seconds=time.perf_counter() - started,
        findings=tuple(findings),
    )
