"""What the reader sees: rich on a terminal, plain lines elsewhere. No decision is made here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from devservers.demo.hotswap import Event
from loader.basics.quantities import counted

Update = Callable[[str], None]
_STEPS = 4  # the slowest of a batch; the others are told as one
_BAR = 36


class Screen:
    """Prints; one `waiting` at a time."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self.silent = False

    def title(self, text: str, more: str) -> None:
        self._line(f"\n[bold]{escape(text)}[/]\n{escape(more)}")

    def act(self, number: int, text: str) -> None:
        self._line(f"\n[bold cyan]{number}[/]  [bold]{escape(text)}[/]")

    def tell(self, text: str) -> None:
        self._line(f"   {escape(text)}")

    def quote(self, text: str) -> None:
        """What a command printed, or a query."""
        for line in text.rstrip().splitlines():
            self._line(f"   [dim]│[/] {escape(line)}")

    def command(self, arguments: str) -> None:
        self._line(f"   [green]$[/] [bold]{escape(arguments)}[/]")

    def writes(self, text: str) -> None:
        self._line(f"   [yellow]▸[/] {escape(text)}")

    def batch(self, event: Event, taken: Sequence[float]) -> None:
        """A committed batch; `taken`: seconds from put to visible of the writes in it."""
        self._line(f"   [cyan]●[/] [bold]batch {event['batch']}[/]  {_changes(event)}  →  {_files(event)}")
        fresh = f" · [bold]visible {_span(taken)} after the put[/]" if taken else ""
        self._line(f"       one metastore call, {event['swap_s'] or 0:.2f} s{fresh}")
        self._line(f"       [dim]{_steps(event['seconds'])}[/]")

    def claim(self, text: str, holds: bool) -> None:
        self._line(f"   {_mark(holds)} {escape(text)}")

    def failed(self, text: str) -> None:
        self._line(f"[bold red]✘[/] {escape(text)}")

    def shares(self, sizes: Sequence[tuple[str, int]]) -> None:
        """Bars for the largest and the smallest."""
        shown = [*sizes[:3], None, *sizes[-2:]] if len(sizes) > 5 else sizes
        for size in shown:
            if size is None:
                self._line(f"   [dim]{'… ' + counted(len(sizes) - 5, 'more campaign'):>18}[/]")
                continue
            bar = "█" * max(1, round(_BAR * size[1] / sizes[0][1]))
            self._line(f"   {size[0]:>18} [magenta]{bar}[/] {size[1]:,}")

    def summary(self, claims: Sequence[tuple[str, bool]], facts: Mapping[str, str], next_lines: Sequence[str]) -> None:
        self._line("\n[bold]What this proved[/]")
        for text, holds in claims:
            self.claim(text, holds)
        self._line("")
        for name, value in facts.items():
            self._line(f"   [dim]{name:>12}[/]  {value}")
        self._line("\n[bold]Next[/]")
        for line in next_lines:
            self._line(f"   {escape(line)}")
        self._line("")

    @contextlib.contextmanager
    def waiting(self, text: str, told: bool = True) -> Iterator[Update]:
        """A spinner with the seconds while something takes its time. Call what it gives to change the text.

        Where there is no terminal it is one line, or none if `told` is false.
        """
        if not self._console.is_terminal:
            if told:
                self._line(f"   … {text}")
            yield lambda _: None
            return
        columns = (TextColumn("  "), SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(escape(text), total=None)
            yield lambda new: progress.update(task, description=escape(new))

    def _line(self, markup: str) -> None:
        if not self.silent:
            self._console.print(markup, soft_wrap=True)  # a path is to be copied whole


def _mark(holds: bool) -> str:
    return "[bold green]✔[/]" if holds else "[bold red]✘ DOES NOT HOLD:[/]"


def _changes(event: Event) -> str:
    kinds = ("upsert", "delete", "move")
    known = [counted(event[f"{kind}s"], kind) for kind in kinds if event[f"{kind}s"]]
    return ", ".join(known) or "no changes"


def _files(event: Event) -> str:
    linked = f", {counted(event['files_linked'], 'file')} linked" if event["files_linked"] else ""
    return f"{counted(event['partitions'], 'partition')}, {counted(event['splits'], 'split')} written{linked}"


def _span(taken: Sequence[float]) -> str:
    low, high = f"{min(taken):.1f}", f"{max(taken):.1f}"
    return f"{high} s" if low == high else f"{low} to {high} s"


def _steps(seconds: Mapping[str, float]) -> str:
    total = sum(seconds.values())
    slowest = sorted(seconds, key=lambda step: -seconds[step])[:_STEPS]
    told = {step: spent for step, spent in seconds.items() if step in slowest}
    told["the rest"] = total - sum(told.values())
    return f"{total:.2f} s: {' · '.join(f'{step} {spent:.2f}' for step, spent in told.items())}"
