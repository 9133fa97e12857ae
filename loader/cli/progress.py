"""A progress bar for a person at a terminal; nothing for anybody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from loader.cli.output import Output
from loader.quantities import counted


class Bar(Protocol):
    """`of` 0: nobody knows how much there is."""

    def __call__(self, what: str, done: int, of: int, note: str) -> None: ...


@contextmanager
def progress(out: Output) -> Iterator[Bar]:
    """Draws on `out` if that is a terminal."""
    if not out.for_a_person:
        yield _silent
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(file=out.stream, _environ=out.environment)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as drawn:
        task = drawn.add_task("", total=None, note="")

        def show(what: str, done: int, of: int, note: str) -> None:
            drawn.update(task, description=what, completed=done, total=of or None, note=note)

        yield show


def _silent(what: str, done: int, of: int, note: str) -> None:
    pass


def rows_note(rows: int, more: str = "") -> str:
    return counted(rows, "row") + more
