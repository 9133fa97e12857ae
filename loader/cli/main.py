"""The command `hotswap`: its verbs, and the one place where an exception becomes a line and an exit code."""

import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from loader.basics.errors import ConfigError, HotswapError, as_object, as_text, from_foreign
from loader.cli import (
    adopt,
    bootstrap,
    clean_analyze,
    evolve,
    forget,
    init_run,
    plan,
    quarantine,
    rebuild,
    reconcile,
    rollback_hold_recover,
    show_diff,
    status_history,
    verify_doctor,
)
from loader.cli.session import Loader, Session

INTERRUPTED = 130
BROKEN_PIPE = 141
FAILED = 1

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(name="hotswap", rich_markup_mode=None, pretty_exceptions_enable=False)
app.command(short_help="Check HBase and the Hive table, and claim its location.")(init_run.init)
app.command(short_help="Load a big existing HBase table in one go.")(bootstrap.bootstrap)
app.command(short_help="Keep the Hive table equal to the HBase table until stopped.")(init_run.run)
app.command(short_help="What is live, how far behind HBase, what stands in the way.")(status_history.status)
app.command(short_help="The attempts of a table, newest first.")(status_history.history)
app.command(short_help="The next batch as a dry run: files, bytes, tasks, time.")(plan.plan)
app.command(short_help="One batch, or one row: what it is, and where it came from.")(show_diff.show)
app.command(short_help="Two batches compared: partitions, rows, bytes.")(show_diff.diff)
app.command(short_help="Check that metastore, manifests, files and row counts agree.")(verify_doctor.verify)
app.command(short_help="Find what will hurt later, by looking and by doing.")(verify_doctor.doctor)
app.command(short_help="Compare all of HBase with all of Hive; with --repair put it right.")(reconcile.reconcile)
app.add_typer(quarantine.app, name="quarantine", short_help="Rows that could not be decoded: list, show, retry.")
app.command(short_help="Take over what others wrote: a whole table, or changed partitions.")(adopt.adopt)
app.command(short_help="Add the columns that are new in the configuration.")(evolve.evolve)
app.command(short_help="Make the table anew from all of HBase, by a changed configuration.")(rebuild.rebuild)
app.command(short_help="Make the table again what it was after an earlier batch.")(rollback_hold_recover.rollback)
app.command(short_help="Keep the loader from publishing, and move nothing.")(rollback_hold_recover.hold)
app.command(short_help="End holds: the loader publishes again.")(rollback_hold_recover.resume)
app.command(short_help="Settle attempts that crashed or whose reply was lost.")(rollback_hold_recover.recover)
app.command(short_help="Old versions that may be deleted; with --yes delete them.")(clean_analyze.clean)
app.command(short_help="Leave the Hive table as it is, and let go of it: claim and state.")(forget.forget)
app.command(short_help="Compute column statistics, by a call that moves nothing.")(clean_analyze.analyze)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"hotswap {version('hotswap')}")
        raise typer.Exit


@app.callback()
def hotswap(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Keep a plain Hive table equal to an HBase table, without ever breaking a running query.

    \b
    To begin:   hotswap init ads.performance --sample 20
                hotswap run ads.performance
    To look:    hotswap status
                hotswap doctor
                hotswap verify ads.performance --deep
    At night:   hotswap history ads.performance
                hotswap rollback ads.performance --to 41
                hotswap resume ads.performance

    \b
    Exit codes:
      0  done
      1  failed, nothing changed
      2  wrong usage or configuration
      3  conflict: a lock, somebody else's change, a hold, or a yes is needed
      4  outcome unknown: run `hotswap recover TABLE`
      5  damage found
      6  `status --check`, `verify` and `doctor`: there is something to do
    """


def main(arguments: Sequence[str] | None = None, session: Session | None = None) -> int:
    """Run one verb and return the exit code. `session` is for tests and for programs that embed the command."""
    logging.getLogger("thrift").propagate = False  # it tells of every failed try; ours tell what it came to
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    session = session or Session(Loader(), sys.stdin, sys.stdout, sys.stderr, os.environ)
    try:
        return int(typer.main.get_command(app).main(given, "hotswap", standalone_mode=False, obj=session) or 0)
    except (KeyboardInterrupt, typer.Abort):
        session.err.line("interrupted; the next run settles whatever was under way")
        return INTERRUPTED
    except BrokenPipeError:
        _drop(session)
        return BROKEN_PIPE
    except _UsageError as error:
        return _fail(session, given, _usage(error))
    except Exception as error:  # noqa: BLE001 - the last stop: everything becomes a line and an exit code
        return _fail(session, given, from_foreign(error) or _bug(error), error)


def _usage(error: Exception) -> HotswapError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "hotswap"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return ConfigError(message.strip() or "a verb is missing", f"Run `{path} --help`.")


def _fail(session: Session, given: Sequence[str], error: HotswapError, cause: Exception | None = None) -> int:
    if cause is not None and "--debug" in given:
        session.stderr.write("".join(traceback.format_exception(cause)))
    if "--json" in given:
        session.err.json(as_object(error))
    else:
        session.err.line(as_text(error))
    return error.exit_code


def _bug(error: Exception) -> HotswapError:
    """An exception that nobody foresaw: a short line, and the traceback in a file."""
    descriptor, path = tempfile.mkstemp(prefix="hotswap-error-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    what = traceback.format_exception_only(error)[-1].strip()
    return HotswapError(f"this is a bug of hotswap: {what}", f"The traceback is in {path}; please report it.")


def _drop(session: Session) -> None:
    """Nobody reads us any more: leave without a second error when Python flushes."""
    if session.stdout is sys.stdout:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
