"""The verbs that only look: `status` and `history`. They need neither Java nor Spark."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from loader.basics.quantities import counted, size_text
from loader.cli import options
from loader.cli.hold_text import hold_text
from loader.cli.output import Output
from loader.cli.times import moment_text, span_text, utc_text
from loader.report.alarms import Alarm, alarms_of, vital_alarms
from loader.report.reports import source_word

if TYPE_CHECKING:
    from loader.cli.session import Session
    from loader.config.settings import Settings, TableSettings
    from loader.report.health import Vitals
    from loader.report.reports import Compared, Comparing, HistoryEntry, Status
    from loader.report.space import Space

SOMETHING_TO_DO = 6
HISTORY = ("batch", "what", "outcome", "started (UTC)", "took", "upserts", "deletes", "moves", "partitions")


def status(
    context: typer.Context,
    table: options.Table = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with 6 if there is something to do.")] = False,
    max_lag: Annotated[
        float | None,
        typer.Option(
            parser=options.seconds, metavar="TIME", help="The lag from which on there is: instead of alarms.lag."
        ),
    ] = None,
    textfile: Annotated[
        str | None,
        typer.Option("--textfile", metavar="FILE", help="Write metrics there, for node_exporter's textfile collector."),
    ] = None,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """What is live, how far behind HBase it is, and what stands in the way.

    Without TABLE it tells of every table in the configuration. Reads the metastore, the state folder and directories,
    and needs neither HBase nor Java. Lines with an exclamation mark are alarms: their thresholds are the settings
    `alarms`, and each says what to do.

    \b
    Examples:
      hotswap status
      hotswap status ads.performance --json
      hotswap status --check --max-lag 60s || page-somebody
      hotswap status --textfile /var/lib/node_exporter/hotswap.prom
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    chosen = [settings.table(table)] if table else list(settings.tables.values())
    looks = [_look(session, settings, item, max_lag) for item in chosen]
    if textfile is not None:
        _write_textfile(textfile, looks)
    if json:
        told = [f"{look.status.table}: {alarm.text}" for look in looks for alarm in look.alarms]
        tables = [look.status for look in looks]
        session.out.json({"tables": tables, "alarms": told, "vitals": [look.vitals for look in looks]})
    for look in () if json else looks:
        _show_status(session.out, look)
    return SOMETHING_TO_DO if check and any(look.alarms for look in looks) else 0


def _look(session: "Session", settings: "Settings", table: "TableSettings", max_lag: float | None) -> "Look":
    service = session.backend.open_table(settings, table)
    status, vitals = service.status(), service.vitals()
    alarms = alarms_of(status, table.alarms, vitals.at_ms, max_lag)
    return Look(status, vitals, (*alarms, *vital_alarms(vitals, table.alarms)))


def _write_textfile(path: str, looks: "Sequence[Look]") -> None:
    from loader.report.metrics import TableMetrics  # noqa: PLC0415 - only where they are wanted

    metrics = TableMetrics()
    for look in looks:
        metrics.look(look.status, look.vitals, look.alarms)
    metrics.write(path)


@dataclass(frozen=True, slots=True)
class Look:
    """One table as `status` found it."""

    status: "Status"
    vitals: "Vitals"
    alarms: "tuple[Alarm, ...]"


def _compared_text(compared: "Compared") -> str:
    if not compared.drift:
        return "equal"
    return f"{counted(compared.drift, 'key')} differed{', handed to the next batches' if compared.repaired else ''}"


def _comparing_text(comparing: "Comparing") -> str:
    if comparing.unconfirmed is not None:
        return f"all is compared; a repair would delete {counted(comparing.unconfirmed, 'row')}, and wants a yes"
    return f"since {moment_text(comparing.begun_ms)}, in region {comparing.done + 1} of {comparing.ranges}"


def _lag_text(status: "Status") -> str:
    return span_text(status.lag_s) if status.ahead_s is None else f"unknown: {span_text(status.ahead_s)} ahead of now"


def _show_status(out: Output, look: Look) -> None:
    status = look.status
    out.line(status.table, style="bold")
    facts = [
        ("live batch", f"{status.batch}, {moment_text(status.committed_at_ms)}" if status.batch else "none"),
        (f"behind {source_word(status.source)}", _lag_text(status)),
        ("low watermark", moment_text(status.low_watermark_ms) + (" (provisional)" if status.debts else "")),
        (
            "holds",
            f"{counted(status.partitions, 'partition')}, {counted(status.rows, 'row')}, {size_text(status.bytes)}",
        ),
        ("quarantine", counted(status.quarantine, "row")),
        ("not settled", ", ".join(status.unsettled) or "nothing"),
        ("space", _space_text(look.vitals.space)),
    ]
    facts += [("hold", hold_text(hold)) for hold in status.holds]
    if status.deferred:
        facts.append(("waiting", f"{counted(status.deferred, 'key')} for a hold to end"))
    if status.compared:
        facts.append(("compared", f"{moment_text(status.compared.ended_ms)}: {_compared_text(status.compared)}"))
    if status.comparing:
        facts.append(("comparing", _comparing_text(status.comparing)))
    if status.asked:
        facts.append(("read again", f"{counted(status.asked, 'key')}, by the next batches"))
    if status.behind:
        facts.append(("not equal yet", f"in old rows: {', '.join(status.behind)} (`hotswap reconcile`)"))
    if status.last_error:
        facts.append(("last error", status.last_error))
    out.facts(facts)
    for alarm in look.alarms:
        out.line(f"  ! {alarm.text}", style="yellow")


def _space_text(space: "Space") -> str:
    least = "" if space.whole else "at least "
    grace = f"{least}{size_text(space.grace)} in their grace, " if space.grace is not None else ""
    return f"{grace}{size_text(space.free)} free" if space.free is not None else "not told by this file system"


def history(
    context: typer.Context,
    table: options.Table = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many attempts, newest first.")] = 20,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """The attempts of a table, newest first: what each changed, and what became of it.

    What a later rollback undid is "taken back". A batch's number is what `rollback --to` wants.

    \b
    Examples:
      hotswap history ads.performance
      hotswap history ads.performance -n 100 --json
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    chosen = settings.table(table)
    entries = session.backend.open_table(settings, chosen).history(limit)
    if json:
        session.out.json({"table": str(chosen.hive_table), "attempts": entries})
    elif not entries:
        session.out.line(f"{chosen.hive_table} has no attempts yet.")
    else:
        session.out.table(HISTORY, [_row(entry) for entry in entries], right={"batch", *HISTORY[4:]})


def _row(entry: "HistoryEntry") -> tuple[str, ...]:
    took = span_text((entry.ended_ms - entry.started_ms) / 1000) if entry.ended_ms else "…"
    outcome = "taken back" if entry.outcome == "committed" and not entry.live else entry.outcome
    counts = (entry.upserts, entry.deletes, entry.moves, entry.partitions)
    what = (str(entry.batch), entry.kind, outcome, utc_text(entry.started_ms), took)
    return (*what, *(f"{count:,}" for count in counts))
