"""Cells that codecs are tried with: what people write, what is nearly that, and bytes."""

from hypothesis import strategies as st

from loader.mapping.codec import Codec
from loader.mapping.codecs import CODECS, DECODERS, codec_for, codec_named
from loader.mapping.hive_types import parse_hive_type

TEXT_TYPES = (
    *("tinyint", "smallint", "int", "bigint", "float", "double", "boolean", "date", "timestamp", "binary"),
    *("decimal(4,2)", "decimal(38,10)", "string", "varchar(3)", "char(3)"),
)
BINARY_TYPES = ("tinyint", "smallint", "int", "bigint", "float", "double", "boolean")

EDGES = (
    *(b"", b"\\N", b" ", b"0", b"-0", b"+0", b"007", b"127", b"128", b"-129", b"32768", b"2147483648", b"12.0", b"1_0"),
    *(b"9223372036854775808", b"9" * 50, b"0" * 50 + b"1", b"1" * 5000, b"1.", b".5", b".", b"-", b"1e5", b"1E-5"),
    *(b"1e400", b"-1e-400", b"3.4028235677973366e38", b"1.17549429e-38", b"7.0e-46", b"0.1", b"5d", b"5F", b"nan"),
    *(b"NaN", b"-Infinity", b"Infinity", b"inf", b"0x1p3", b"1e", b" 1 ", b"1 \t", "٣".encode()),
    *(b"1e99999999999999999999", b"12e-1", b"1E+2", b"1.00000005960464477539062500000001"),
    *(b"-0.0", b"1.005", b"99.995", b"0.005", b"-0.004", b"sNaN", b"1e-99999999999", b"true", b"FALSE", b"1", b"t"),
    *(b"0000-01-01", b"0001-01-01", b"9999-12-31", b"10000-01-01", b"-0001-01-01", b"2026-02-28", b"2026-02-29"),
    *(b"2026-2-8", b"2026-02-30", b" 2026-02-28", b"2026-02-28x", b"2024-02-29", b"1582-10-10", b"2026-00-01"),
    *(b"0000-01-01 00:00:00", b"9999-12-31 23:59:59.999999", b"2026-02-28 24:00:00", b"2026-02-28 23:59:60"),
    *(b"2026-02-28 10:11:12", b"2026-02-28T10:11:12", b"2026-02-28 10:11:12.1", b"2026-02-28 10:11:12.123456789"),
    *(b"2026-02-28 1:2:3", b"2026-02-28 10:11", b"2026-02-28 10:11:12Z", b"2026-02-28 10:11:12.", b"2026-02-28\n"),
    *(b"abc", b"abcd", "äöü€".encode(), b"ab ", b"\xff\xfe", b"\x00", b"\xed\xa0\x80", b"{}", b"[" * 5000, b"null"),
    *(b"[" * 500 + b"]" * 500, b"[" * 501 + b"]" * 501, b"[" * 5000 + b"]" * 5000, b'{"a":' * 800 + b"1" + b"}" * 800),
    *(b'"' + b"[" * 5000 + b'"', b'"\\"' + b"{" * 600 + b'"', b'{"a": ' + b"7" * 5000 + b"}", b"\x80" + bytes(7)),
    *(b"\x7f" + b"\xff" * 7, (-(10**15)).to_bytes(8, "big", signed=True), b"\x7f\xf8\0\0\0\0\0\1", b"\xff\xc0\0\1"),
    *((-62135596800000 - past).to_bytes(8, "big", signed=True) for past in (0, 1)),
    *((253402300799999 + past).to_bytes(8, "big", signed=True) for past in (0, 1)),
)  # fmt: skip

_TEXTS = st.one_of(
    st.sampled_from(EDGES),
    st.from_regex(rb"\A[+-]?[0-9]{1,20}(\.[0-9]{0,12})?([eE][+-]?[0-9]{1,3})?[dDfF]?\Z"),
    st.from_regex(rb"\A-?[0-9]{1,5}-[0-9]{1,2}-[0-9]{1,2}([ T][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]{0,9})?)?\Z"),
    st.floats(width=32).map(lambda number: repr(number).encode()),
    st.floats().map(lambda number: repr(number).encode()),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: number.to_bytes(8, "big", signed=True)),
    st.sampled_from((1, 2, 4, 8)).flatmap(lambda width: st.binary(min_size=width, max_size=width)),
    st.text(max_size=5).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=9),
)
CELLS = st.one_of(st.none(), _TEXTS)


def codecs() -> dict[str, Codec]:
    """Every codec of every decoder version, by what the configuration would say."""
    found: dict[str, Codec] = {}
    for decoder in DECODERS:
        for kind in TEXT_TYPES:
            found[f"{kind} as text, decoder {decoder}"] = codec_for(parse_hive_type(kind), False, decoder)
        for name, gives in CODECS.items():
            kind = "varchar(3)" if name == "string" else "decimal(12,3)" if name == "decimal_string" else gives[-1]
            found[f"{kind} of {name}, decoder {decoder}"] = codec_named(name, parse_hive_type(kind), decoder)
    for kind in BINARY_TYPES:
        found[f"{kind}#b"] = codec_for(parse_hive_type(kind), True)
    return found
