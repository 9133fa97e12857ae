"""What to write instead of what a transform does not take."""

_NOT_OF_THE_ROW = "A row's image must follow from the row alone: the same cells give the same columns at any time."
_NO_DAYS = "Days and moments can be compared, cast and chosen from. For partitions use `as` of partition_by."
_NO_PATTERNS = "Use like, left, right, substring or replace."

ALLOWED = (
    "Allowed: columns, literals, comparisons, and/or/not, in, between, like, is null/true/false, + - * / %, ||, case,"
    " if, cast, abs, coalesce, concat, greatest, least, left, length, lower, ltrim, nullif, replace, right, rtrim,"
    " substring, trim, upper."
)

HINTS: dict[str, str] = {
    **dict.fromkeys(
        (
            *("current_date", "current_timestamp", "now", "currentdate", "currenttimestamp", "localtimestamp"),
            *("rand", "randn", "random", "uuid", "count", "sum", "avg", "min", "max", "window", "select", "subquery"),
            *("input_file_name", "monotonically_increasing_id", "current_user", "user", "unix_timestamp"),
        ),
        _NOT_OF_THE_ROW,
    ),
    **dict.fromkeys(
        (
            *("date_add", "date_sub", "datediff", "date_format", "date_trunc", "trunc", "to_date", "to_timestamp"),
            *("year", "month", "day", "dayofmonth", "hour", "minute", "second", "add_months", "interval", "extract"),
            *("ts_or_ds_to_date", "tsordsadd", "tsordsdiff", "tsordstodate", "timestamptrunc", "timetostr"),
        ),
        _NO_DAYS,
    ),
    **dict.fromkeys(
        ("regexp_replace", "regexp_extract", "regexp_like", "rlike", "ilike", "regexplike", "similarto", "escape"),
        _NO_PATTERNS,
    ),
    "try_cast": "Use cast: a row on which it fails is quarantined with the reason.",
    "div": "Use cast(a / b as bigint), which is exact up to 2^53, or keep the quotient as a double.",
    "intdiv": "Use cast(a / b as bigint), which is exact up to 2^53, or keep the quotient as a double.",
    "round": "Give the column a decimal type: its result is rounded half up to the column's scale.",
    "bround": "Give the column a decimal type: its result is rounded half up to the column's scale.",
    "rawstring": "Write the text without the r, and each backslash twice.",
    "nullsafeneq": "Write not (a <=> b).",
    "btrim": "Use trim.",
    "trim": "trim, ltrim and rtrim take one argument, and cut spaces only.",
    "isnull": "Write a is null.",
    "isnotnull": "Write a is not null.",
    "length": "length takes one text.",
    "like": "Write like with one pattern without backslashes, joined by or.",
    "hexstring": "Write the number in digits, or the text in quotes.",
}
"""Name of a function or of a piece of syntax, lower case → what to do."""
