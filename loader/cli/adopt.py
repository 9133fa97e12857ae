"""The verb that takes over what others wrote: `adopt`. It shows what it found; only a yes takes it over."""

from typing import TYPE_CHECKING

import typer

from loader.basics.quantities import counted
from loader.cli import options
from loader.cli.output import Output

if TYPE_CHECKING:
    from loader.ops.adopt.attempt import AdoptReport

MOST_SHOWN = 30


def adopt(
    context: typer.Context,
    table: options.NamedTable,
    yes: options.Yes = False,
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Take over what others wrote: a Hive table that is full already, or partitions of ours that somebody changed.

    Shows every partition that is new, moved, changed or dropped, then asks. Nothing is rewritten: the files stay where
    they are until a batch touches their partition, and of a foreign folder `clean` only ever deletes the files that
    were taken over. Every file is read once for the key index; a key that stands twice stops it. A dropped partition
    comes back empty. Afterwards `hotswap reconcile --repair` tells what differs from HBase.

    \b
    Examples:
      hotswap adopt ads.performance
      hotswap adopt ads.performance --yes && hotswap reconcile ads.performance --repair
    """
    session = options.session_of(context)
    settings, chosen = session.proved(config, table)
    adopter = session.backend.adopter(settings, chosen)
    plan = adopter.preview()
    if not plan.partitions:
        session.out.json(plan) if json else session.out.line(f"{plan.table}: everything is as hotswap left it.")
        return
    if not json:
        _show(session.out, plan)
    elif not yes:
        session.out.json(plan)
    session.require_yes("Take it over?", yes, json)
    done = adopter.adopt(plan)
    if json:
        session.out.json(done)
        return
    session.out.line(f"{counted(len(done.partitions), 'partition')} taken over as batch {done.batch}.", style="green")
    session.out.line(f"Next: hotswap reconcile {done.table} --repair, and hotswap run {done.table}")


def _show(out: Output, plan: "AdoptReport") -> None:
    out.line(f"Not hotswap's doing in {plan.table}", style="bold")
    shown = plan.partitions[:MOST_SHOWN]
    rows = [(item.partition, item.what, f"{item.files:,}", f"{item.rows:,}", item.location or "-") for item in shown]
    out.table(("partition", "what", "files", "rows", "location"), rows, right={"files", "rows"})
    if len(plan.partitions) > len(shown):
        out.line(f"… and {len(plan.partitions) - len(shown):,} more partitions (--json lists all)")
