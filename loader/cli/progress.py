"""A progress bar for a person at a terminal; nothing for anybody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from loader.basics.quantities import counted
from loader.cli.output import Output

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar(Protocol):
    """`of` 0: nobody knows how much there is. `stop`: a question is asked, and what follows draws nothing."""

    def __call__(self, what: str, done: int, of: int, note: str) -> None: ...

    def stop(self) -> None: ...


@contextmanager
def progress(out: Output) -> Iterator[Bar]:
    """Draws on `out` if that is a terminal."""
    if not out.for_a_person:
        yield _Silent()
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(file=out.stream, _environ=out.environment)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as drawn:
        yield _Drawn(drawn, drawn.add_task("", total=None, note=""))


class _Silent:
    def __call__(self, what: str, done: int, of: int, note: str) -> None:
        pass

    def stop(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Drawn:
    drawn: "Progress"
    task: "TaskID"

    def __call__(self, what: str, done: int, of: int, note: str) -> None:
        self.drawn.update(self.task, description=what, completed=done, total=of or None, note=note)

    def stop(self) -> None:
        self.drawn.stop()


def rows_note(rows: int, more: str = "") -> str:
    return counted(rows, "row") + more
