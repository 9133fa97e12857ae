"""What a person sees of a fetch: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
from rich.progress import Progress as RichProgress

Done = Callable[[str, int], None]
"""Called with the name of a file that arrived and its size in bytes."""


class Progress(Protocol):
    def of(self, files: int, size: int) -> AbstractContextManager[Done]:
        """Open a display for this many files and bytes."""
        ...


class PlainProgress:
    """Two lines on stderr, for logs and pipes."""

    @contextlib.contextmanager
    def of(self, files: int, size: int) -> Iterator[Done]:
        _say(f"fetching {files} files, {size / 1e6:.0f} MB")
        arrived: list[int] = []
        yield lambda name, size: arrived.append(size)
        _say(f"fetched {len(arrived)} files, {sum(arrived) / 1e6:.0f} MB")


class BarProgress:
    """A bar on stderr."""

    @contextlib.contextmanager
    def of(self, files: int, size: int) -> Iterator[Done]:
        columns = (
            TextColumn("fetching"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TextColumn("{task.description}"),
        )
        with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(f"{files} files", total=size)
            yield lambda name, size: bar.update(task, advance=size, description=name)
        _say(f"fetched {files} files, {size / 1e6:.0f} MB")


def for_stderr() -> Progress:
    """The bar if stderr is a terminal."""
    return BarProgress() if sys.stderr.isatty() else PlainProgress()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
