"""`verify --rebuild-index`: shows what it will read, asks, and tells what was wrong with the old index."""

from typing import TYPE_CHECKING

from loader.basics.quantities import counted, size_text
from loader.cli.output import Output
from loader.cli.times import span_text

if TYPE_CHECKING:
    from loader.cli.session import Service, Session
    from loader.config.settings import TableSettings
    from loader.ops.reindex.reindex import ReindexPlan, ReindexReport


def rebuild(session: "Session", service: "Service", table: "TableSettings", yes: bool, json: bool) -> "ReindexReport":
    """Ask, then rebuild. Raises NeedsConfirmation."""
    plan = service.preview_reindex(table)
    if not json:
        _show_plan(session.out, plan)
    elif not yes:
        session.out.json({"plan": plan})
    session.require_yes("Rebuild the key index?", yes, json)
    done = service.reindex(table)
    if not json:
        _show_done(session.out, done)
    return done


def _show_plan(out: Output, plan: "ReindexPlan") -> None:
    out.line(f"Rebuild of the key index of {plan.table}", style="bold")
    out.facts([("reads", f"{counted(plan.files, 'file')}, {counted(plan.rows, 'row')}, {size_text(plan.bytes)}")])
    out.line("The table is locked meanwhile: the loader waits. Readers notice nothing.")


def _show_done(out: Output, done: "ReindexReport") -> None:
    where = f"{counted(done.keys, 'key')} in {counted(done.segments, 'segment')}, {size_text(done.bytes)}"
    out.line(f"Rebuilt as batch {done.batch}: {where}, in {span_text(done.seconds)}.", style="green")
    if done.misplaced is None:
        out.line("The old index could not be read.")
    elif done.misplaced or done.surplus:
        out.line(
            f"The old index was wrong about {counted(done.misplaced, 'living key')}, and knew"
            f" {counted(done.surplus or 0, 'key')} that are in no file."
        )
    else:
        out.line("The old index was right about every key.")
