"""The verbs that only look: `status` and `history`. They need neither Java nor Spark."""

from typing import TYPE_CHECKING, Annotated

import typer

from loader.cli import options
from loader.cli.holding import held_text, hold_text
from loader.cli.output import Output
from loader.cli.times import moment_text, span_text, utc_text
from loader.quantities import counted, size_text

if TYPE_CHECKING:
    from loader.reports import HistoryEntry, Status

SOMETHING_TO_DO = 6
HISTORY = ("batch", "what", "outcome", "started (UTC)", "took", "upserts", "deletes", "moves", "partitions")


def status(
    context: typer.Context,
    table: options.Table = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with 6 if there is something to do.")] = False,
    max_lag: Annotated[
        float,
        typer.Option(parser=options.seconds, metavar="TIME", help="With --check: the lag from which on there is."),
    ] = "5m",  # type: ignore[assignment]
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """What is live, how far behind HBase it is, and what stands in the way.

    Without TABLE it tells of every table in the configuration. Reads the metastore and the state folder only.

    \b
    Examples:
      hotswap status
      hotswap status ads.performance --json
      hotswap status --check --max-lag 60s || page-somebody
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    chosen = [settings.table(table)] if table else list(settings.tables.values())
    found = [session.backend.open_table(settings, item).status() for item in chosen]
    alarms = {item.table: alarms_of(item, max_lag) for item in found}
    if json:
        session.out.json({"tables": found, "alarms": [f"{name}: {text}" for name in alarms for text in alarms[name]]})
    else:
        for item in found:
            _show_status(session.out, item, alarms[item.table])
    return SOMETHING_TO_DO if check and any(alarms.values()) else 0


def alarms_of(status: "Status", max_lag: float) -> tuple[str, ...]:
    """What wants a person, each with what to do."""
    alarms = []
    if status.batch is None:
        alarms.append("nothing is published yet: start `hotswap run`")
    elif status.lag_s is None or status.lag_s > max_lag:
        alarms.append(f"{span_text(status.lag_s)} behind HBase, more than {span_text(max_lag)}: is `hotswap run` up?")
    for hold in status.holds:
        how = f"rollback {hold.batch}" if hold.target is not None else f"hold {hold.batch}"
        of = "" if hold.partitions is None else f" of {held_text(hold)}"
        alarms.append(f"held by {how}{of}: `hotswap resume {status.table}` ends it")
    if len(status.unsettled) > 1:  # one may be under way
        alarms.append(f"{len(status.unsettled)} attempts are not settled: run `hotswap recover {status.table}`")
    if status.debts:
        since = moment_text(status.debts[0].since_ms)
        alarms.append(
            f"changes may be missing, known since {since}: {status.debts[0].reason}."
            f" Run `hotswap reconcile {status.table}`"
        )
    if status.quarantine:
        alarms.append(f"{counted(status.quarantine, 'row')} in quarantine: correct HBase, or the mapping")
    return tuple(alarms)


def _show_status(out: Output, status: "Status", alarms: tuple[str, ...]) -> None:
    out.line(status.table, style="bold")
    facts = [
        ("live batch", f"{status.batch}, {moment_text(status.committed_at_ms)}" if status.batch else "none"),
        ("behind HBase", span_text(status.lag_s)),
        ("low watermark", moment_text(status.low_watermark_ms) + (" (provisional)" if status.debts else "")),
        (
            "holds",
            f"{counted(status.partitions, 'partition')}, {counted(status.rows, 'row')}, {size_text(status.bytes)}",
        ),
        ("quarantine", counted(status.quarantine, "row")),
        ("not settled", ", ".join(status.unsettled) or "nothing"),
    ]
    facts += [("hold", hold_text(hold)) for hold in status.holds]
    if status.deferred:
        facts.append(("waiting", f"{counted(status.deferred, 'key')} for a hold to end"))
    if status.last_error:
        facts.append(("last error", status.last_error))
    out.facts(facts)
    for alarm in alarms:
        out.line(f"  ! {alarm}", style="yellow")


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
