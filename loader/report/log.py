"""The loader's log: one JSON line for each batch, and the same for a person at a terminal.

Everything goes through the standard library's logging, so that warnings of all rooms stand between the batches.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any, TextIO

from loader.basics.errors import HotswapError
from loader.basics.quantities import counted, duration_text, size_text
from loader.report.reports import BatchReport, RunReport, as_json

ROOMS = ("loader", "metastore", "partitioner")

_log = logging.getLogger("loader.log")


def configure(stream: TextIO, json_lines: bool, level: int = logging.INFO) -> None:
    """Send the log of all rooms to `stream`. May be called again; the last call counts."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if json_lines else Lines())
    for room in ROOMS:
        logger = logging.getLogger(room)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False


def batch_done(report: BatchReport) -> None:
    """The one line of a batch."""
    level = logging.INFO if report.outcome == "committed" else logging.WARNING
    _log.log(level, batch_text(report), extra={"event": "batch", "facts": as_json(report)})


def waiting(table: str, error: HotswapError, retry_in_s: float) -> None:
    """The loader waits for a server that is away."""
    facts = {"table": table, "error": error.message, "hint": error.hint, "retry_in_s": retry_in_s}
    text = f"{table}: {error.message}; trying again in {duration_text(round(retry_in_s))}"
    _log.warning(text, extra={"event": "waiting", "facts": facts})


def resumed(table: str, waited_s: float) -> None:
    """The server is back."""
    facts = {"table": table, "waited_s": round(waited_s, 3)}
    text = f"{table}: back after {duration_text(round(waited_s))}"
    _log.info(text, extra={"event": "resumed", "facts": facts})


def alarm(table: str, name: str, text: str) -> None:
    """An alarm begins: what is wrong, and what to do."""
    _log.warning(f"{table}: {text}", extra={"event": "alarm", "facts": {"table": table, "alarm": name, "text": text}})


def alarm_ended(table: str, name: str) -> None:
    """What an alarm told of is over."""
    _log.info(f"{table}: {name} is over", extra={"event": "alarm ended", "facts": {"table": table, "alarm": name}})


def ended(report: RunReport) -> None:
    """The last line of a run."""
    changes = sum(batch.upserts + batch.deletes for batch in report.batches)
    facts = {
        "table": report.table,
        "batches": len(report.batches),
        "changes": changes,
        "low_watermark_ms": report.low_watermark_ms,
        "run_s": round(report.seconds, 3),
    }
    batches = counted(len(report.batches), "batch", "batches")
    text = f"{report.table}: {batches}, {counted(changes, 'change')} in {report.seconds:.1f} s"
    _log.info(text, extra={"event": "ended", "facts": facts})


def batch_text(report: BatchReport) -> str:
    """A batch in one line for a person."""
    kinds = (("upsert", report.upserts), ("delete", report.deletes), ("move", report.moves))
    changes = ", ".join(counted(count, kind) for kind, count in kinds if count) or "no changes"
    parts = [
        f"{report.table} batch {report.batch} {report.outcome}: {changes}",
        f"{counted(report.partitions, 'partition')}, {counted(report.splits, 'split')}",
        f"{size_text(report.bytes_written)} written, {size_text(report.bytes_linked)} linked",
        f"{sum(report.seconds.values()):.2f} s",
    ]
    if report.swap_s is not None:
        parts.append(f"swap {report.swap_s:.2f} s")
    if report.freshness_s is not None:
        parts.append(f"freshness {report.freshness_s:.1f} s")
    if report.rejected:
        parts.append(f"{counted(report.rejected, 'row')} quarantined")
    return " · ".join(parts)


class JsonLines(logging.Formatter):
    """Every record as one line of JSON; `time` in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, Any] = getattr(record, "facts", {})
        line = {"time": _utc(record.created), "level": record.levelname.lower(), "event": _event(record), **facts}
        if not facts:
            line |= {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class Lines(logging.Formatter):
    """`12:00:03 message`, in local time; what is worse than information says so."""

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{clock} {level}{record.getMessage()}{trace}"


def _event(record: logging.LogRecord) -> str:
    return str(getattr(record, "event", "log"))


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
