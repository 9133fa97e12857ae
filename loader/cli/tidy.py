"""The verb that deletes: `clean`. It shows what would go; only --yes lets it go."""

from typing import TYPE_CHECKING

import typer

from loader.cli import options
from loader.cli.output import Output
from loader.cli.times import moment_text
from loader.quantities import counted

if TYPE_CHECKING:
    from loader.reports import CleanReport

MOST_SHOWN = 30


def clean(
    context: typer.Context,
    table: options.NamedTable,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Show which old versions may be deleted; with --yes delete them.

    What is live, what a rollback may still want (the setting `history`) and what a running query may still read (the
    setting `reader_grace`) stays. A running loader does the same by itself every ten minutes.

    \b
    Examples:
      hotswap clean ads.performance
      hotswap clean ads.performance --yes
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    chosen = settings.table(table)
    service = session.backend.open_table(settings, chosen)
    report = service.clean(chosen, dry=not yes)
    if json:
        session.out.json(report)
    else:
        _show(session.out, report)


def _show(out: Output, report: "CleanReport") -> None:
    shown = report.directories[:MOST_SHOWN]
    rows = [(item.location, str(item.batch), moment_text(item.since_ms), item.why) for item in shown]
    if rows:
        out.table(("directory", "batch", "unused since", "why"), rows, right={"batch"})
    if len(report.directories) > len(shown):
        out.line(f"… and {len(report.directories) - len(shown):,} more (--json lists all)")
    for location in report.failed:
        out.line(f"  ! {location} could not be deleted; the next clean tries again", style="yellow")
    directories = counted(len(report.directories), "directory", "directories")
    what = f"{directories} and {counted(report.change_sets, 'change set')}"
    if report.unsettled:
        out.line(f"{report.table}: an attempt is not settled, so nothing is deleted: run `hotswap recover`")
    elif report.deleted:
        out.line(f"{report.table}: {what} deleted")
    else:
        out.line(f"{report.table}: {what} may go; nothing was deleted (--yes deletes)")
