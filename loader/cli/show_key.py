"""`show TABLE --key KEY`: one row, from Hive's side and from HBase's."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from loader.cli.output import Output
from loader.cli.times import moment_text

if TYPE_CHECKING:
    from loader.ops.inspect.inspect import KeyReport


def parse_key(text: str, as_hex: bool) -> bytes:
    """A raw row key: text with `\\xNN` for any byte, as HBase's shell prints it, or hex digits. BadParameter."""
    if as_hex:
        try:
            return bytes.fromhex(text.removeprefix("0x"))
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not hex: two digits a byte, such as 6b31") from None
    if re.search(r"\\(?!x[0-9A-Fa-f]{2})", text):
        raise typer.BadParameter(f"{text!r}: a backslash begins \\xNN, one byte in hex; write \\x5C for the backslash")
    parts = re.split(r"\\x([0-9A-Fa-f]{2})", text)
    return b"".join(part.encode() if place % 2 == 0 else bytes.fromhex(part) for place, part in enumerate(parts))


def show_key(out: Output, found: "KeyReport") -> None:
    """For a person."""
    out.line(f"{found.table}: key {found.key}", style="bold")
    out.facts([*_hive(found), *_hbase(found)])
    for difference in found.differences:
        out.line(f"  ≠ {difference}")
    for reason in found.reasons:
        out.line(f"  ! {reason.cause}: {reason.what}", style="yellow")
        if reason.do:
            out.line(f"      → {reason.do}")
    if found.same and not found.reasons:
        out.line("Hive and HBase agree.", style="green")


def _hive(found: "KeyReport") -> list[tuple[str, str]]:
    if found.home is None:
        return [("in Hive", "nowhere"), ("last changed", _batch(found))]
    home = found.home
    by = f", written by batch {home.file_batch}" if home.file_batch else ""
    return [
        ("in Hive", home.partition),
        ("file", f"{home.location}/{home.file}{by}"),
        ("last changed", _batch(found)),
        ("row", _row(home.row) if home.row is not None else "is not in the file"),
    ]


def _batch(found: "KeyReport") -> str:
    if found.batch is None:
        return "by no batch that is on record"
    batch = f"batch {found.batch}, {moment_text(found.committed_ms)}"
    return f"by {batch}" if found.batch_sure else f"by {batch}, or an older one: older change sets are collected"


def _hbase(found: "KeyReport") -> list[tuple[str, str]]:
    now = _row(found.hbase_row) if found.hbase_row is not None else found.now.value
    problem = f": {found.problem}" if found.problem else ""
    facts = [("HBase now", f"{now}{problem}")]
    if found.hbase_partition:
        facts.append(("would be in", found.hbase_partition))
    if found.newest_put_ms is not None:
        facts.append(("newest put", moment_text(found.newest_put_ms)))
    if found.newest_marker_ms is not None:
        facts.append(("newest delete", moment_text(found.newest_marker_ms)))
    return facts


def _row(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in row.items())
