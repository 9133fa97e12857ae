"""Times as people write and read them: always with a zone, echoed in UTC and in local time."""

from datetime import UTC, datetime, tzinfo


def passed(now_ms: int, since_ms: int | None, wait_ms: float) -> bool:
    """Whether `wait_ms` have passed since; None: it was never begun. A clock that was set back has waited long enough.

    A negative age must never read as "not yet": a clock that ran hours fast for a moment would stop things for hours.
    """
    return since_ms is None or not 0 <= now_ms - since_ms < wait_ms


def parse_moment(text: str) -> int:
    """ISO 8601 with a zone → ms since 1970. ValueError for anything else, above all for a time without a zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time such as 2026-07-01T12:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone: write {text}Z for UTC, or an offset such as {text}+02:00")
    return round(moment.timestamp() * 1000)


def moment_text(ms: int | None, zone: tzinfo | None = None) -> str:
    """`2026-07-01 12:00:03 UTC (14:00:03 CEST)`; `zone` None: this machine's."""
    if ms is None:
        return "never"
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    local = moment.astimezone(zone)
    text = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    if not local.utcoffset():
        return text
    day = "" if local.date() == moment.date() else "%Y-%m-%d "
    return f"{text} ({local.strftime(f'{day}%H:%M:%S %Z')})"


def utc_text(ms: int) -> str:
    """`2026-07-01 12:00:03`, for columns that say UTC in their header."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def span_text(seconds: float | None) -> str:
    """`420 ms`, `4.2 s`, `31 s`, `5 min 12 s`, `3 h 20 min`, `2 d 4 h`; None is unknown."""
    if seconds is None:
        return "unknown"
    if seconds < 10:
        return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    for large, small, unit, part in ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{whole} s"
