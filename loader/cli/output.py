"""What goes to a terminal (through rich), to a pipe (plain, aligned) or to a program (`--json`)."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from loader.report.reports import as_json

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Output:
    """One stream. `environment` is asked for NO_COLOR and TERM."""

    stream: TextIO
    environment: Mapping[str, str]

    @property
    def for_a_person(self) -> bool:
        return self.stream.isatty()

    def json(self, value: object) -> None:
        """One JSON document on one line."""
        print(json.dumps(as_json(value), ensure_ascii=False), file=self.stream, flush=True)

    def line(self, text: str = "", style: str = "") -> None:
        """A line; `style` in rich's words shows on a terminal only."""
        if style and self.for_a_person:
            self._console().print(text, style=style, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self.stream, flush=True)

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Names and values, the values below each other."""
        width = max(len(name) for name, _ in facts)
        for name, value in facts:
            self.line(f"  {name:<{width}}  {value}")

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> None:
        """A table; the columns named in `right` are right-aligned. A narrow terminal wraps lines, but cuts nothing."""
        header, *lines = aligned(headers, rows, right)
        self.line(header, style="bold")
        for line in lines:
            self.line(line)

    def _console(self) -> "Console":
        from rich.console import Console  # noqa: PLC0415

        return Console(file=self.stream, _environ=self.environment)


def aligned(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> list[str]:
    """A table as plain lines, two spaces between columns."""
    widths = [max(len(row[column]) for row in (headers, *rows)) for column in range(len(headers))]
    return [
        "  ".join(
            cell.rjust(width) if header in right else cell.ljust(width)
            for cell, width, header in zip(row, widths, headers, strict=True)
        ).rstrip()
        for row in (headers, *rows)
    ]
