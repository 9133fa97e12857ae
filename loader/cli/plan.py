"""The verb `plan`: the next batch as a dry run, for a person. Needs neither Java nor Spark."""

from math import isinf
from typing import TYPE_CHECKING, Annotated

import typer

from loader.basics.quantities import counted, size_text
from loader.cli import options
from loader.cli.output import Output
from loader.cli.times import moment_text, span_text

if TYPE_CHECKING:
    from loader.ops.plan import NextBatch, PartitionPreview
    from partitioner.values import Estimate

MOST_SHOWN = 30
PARTITIONS = ("partition", "rows now", "rows then", "changes", "files", "rewritten", "linked", "written")


def plan(
    context: typer.Context,
    table: options.NamedTable,
    within: Annotated[
        float,
        typer.Option(
            parser=options.seconds, metavar="TIME", help="Read rows for so long; what is left then is estimated."
        ),
    ] = "10s",  # type: ignore[assignment]
    config: options.Config = options.DEFAULT_CONFIG,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """The next batch as a dry run: what the source has pending now, and what would be written for it.

    Partitions, files to be rewritten, linked and copied, bytes, tasks, and how long it will take by what the last
    batches took. Nothing is written, no batch number is claimed and no lock is held, so a running loader may publish
    the same meanwhile. It reads like a loader that has just started: also the last minutes once more. All that would
    keep the batch from being published is listed with what to do about it.

    \b
    Examples:
      hotswap plan ads.performance
      hotswap plan ads.performance --within 1m --json
    """
    session = options.session_of(context)
    settings = session.backend.load(config)
    found = session.backend.preview_next(settings, settings.table(table), within)
    if json:
        session.out.json(found)
    else:
        _show(session.out, found)


def _show(out: Output, found: "NextBatch") -> None:
    out.line(f"{found.table}: the next batch would be {found.batch}", style="bold")
    out.facts(
        [
            ("window", _window(found)),
            ("dirty keys", _keys(found)),
            ("changes", _changes(found)),
            ("partitions", counted(len(found.partitions), "partition") + _new(found)),
            ("files", f"{found.splits:,} rewritten, {found.files_linked:,} taken over"),
            ("bytes", _bytes(found)),
            ("tasks", _tasks(found)),
            ("predicted", _predicted(found)),
        ]
    )
    if found.partitions:
        rows = [_row(item) for item in found.partitions[:MOST_SHOWN]]
        out.table(PARTITIONS, rows, right=set(PARTITIONS[1:]))
    if len(found.partitions) > MOST_SHOWN:
        out.line(f"… and {len(found.partitions) - MOST_SHOWN:,} more partitions (--json lists all)")
    for obstacle in found.obstacles:
        out.line(f"  ! would not be published now: {obstacle}", style="yellow")
    for note in found.notes:
        out.line(f"  note: {note}")
    if found.idle:
        out.line("Nothing would be published: there is no change.")


def _window(found: "NextBatch") -> str:
    return f"{moment_text(found.window[0])} to {moment_text(found.window[1])}" if found.window else "none"


def _keys(found: "NextBatch") -> str:
    later = f"; {found.backlog:,} more wait for the batches after it (max_keys)" if found.backlog else ""
    if found.left.value:
        later += f"; {about(found.left)} of them are left to the batches after it (partitions_per_swap)"
    if found.deferred.value:
        later += f"; {about(found.deferred)} of them wait for a hold to end"
    if found.read == found.keys:
        return f"{found.keys:,}, all read{later}"
    return f"{found.keys:,}, of which {found.read:,} were read: what follows from the others is estimated{later}"


def _changes(found: "NextBatch") -> str:
    kinds = [("upsert", found.upserts), ("delete", found.deletes), ("move", found.moves), ("rejected", found.rejected)]
    shown = ", ".join(f"{about(count)} {kind}{'' if kind == 'rejected' else 's'}" for kind, count in kinds)
    return f"{shown}; {found.unchanged:,} of those read are as last published"


def _new(found: "NextBatch") -> str:
    new = sum(item.new for item in found.partitions)
    return f", {new:,} of them new" if new else ""


def _bytes(found: "NextBatch") -> str:
    read, linked, copied = (size_text(size) for size in (found.bytes_read, found.bytes_linked, found.bytes_copied))
    return f"{read} read, {_size(found.bytes_written)} written, {linked} linked, {copied} copied"


def _tasks(found: "NextBatch") -> str:
    return f"{len(found.tasks)}, the largest {found.balance:.2f} × the mean" if found.tasks else "none"


def _predicted(found: "NextBatch") -> str:
    if not found.tasks:
        return "nothing to do"
    if found.predicted_s is None:
        return f"not known: no batch of {found.table} has ended yet that could tell"
    source = f"by the last {counted(found.learned_from, 'batch', 'batches')}"
    return f"{span_text(found.predicted_s.value)}{_error(found.predicted_s)} from rows to outcome, {source}"


def _row(item: "PartitionPreview") -> tuple[str, ...]:
    name = f"{item.partition} (new)" if item.new else item.partition
    files = str(item.files_after) if item.files_before in (0, item.files_after) else _step(item)
    counts = (f"{item.rows_before:,}", about(item.rows_after), about(item.changes), files)
    return (name, *counts, str(item.rewritten), str(item.linked), _size(item.bytes_written))


def _step(item: "PartitionPreview") -> str:
    return f"{item.files_before} → {item.files_after}"


def about(count: "Estimate") -> str:
    """`1,204`, or `~1,200 ±3 %` of an estimate; `none seen` where a sample held none."""
    if isinf(count.error):
        return "none seen"
    if not count.error:
        return f"{count.value:,.0f}"
    return f"~{count.value:,.0f}{_error(count)}"


def _size(size: "Estimate") -> str:
    return ("~" if size.error else "") + size_text(round(size.value))


def _error(estimate: "Estimate") -> str:
    return f" ±{min(estimate.error, 9.99):.0%}" if estimate.error else ""
