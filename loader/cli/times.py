"""Times on the command line are those of the log and the alarms."""

from loader.basics.moments import moment_text, parse_moment, span_text, utc_text

__all__ = ["moment_text", "parse_moment", "span_text", "utc_text"]
