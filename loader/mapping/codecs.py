"""Which codec decodes a column: by its Hive type and storage, or by a name in the configuration.

A codec decodes what Hive's HBase handler would, with one difference: what it cannot decode it names with a reason,
where Hive shows NULL. `\\N` in a text cell is NULL, as in Hive. `binary` columns are the raw bytes (Hive would take
what happens to look like Base64 for Base64). What else differs from Hive is listed in docs/sources.md.
"""

from collections.abc import Mapping

import pyarrow as pa

from loader.mapping import text_forms, text_forms_1
from loader.mapping.codec import Codec, as_binary
from loader.mapping.fixed_width import BOOL, TIMESTAMP_MS, WIDTHS, big_endian
from loader.mapping.hive_types import INTEGERS, TEXTS, HiveType
from loader.mapping.json_text import json_text
from loader.mapping.text_columns import Form, each, form_codec, text_codec, without_null_text

DECODER = 2
"""The version of the decoder that new tables are read by. One that changes what a cell's *value* is gets a new number;
what only turns a value into a rejection, or a rejection's reason into another, does not."""

_FORMS: Mapping[int, Mapping[str, Form]] = {1: text_forms_1.FORMS, 2: text_forms.FORMS}
DECODERS = tuple(_FORMS)


def codec_for(hive: HiveType, binary: bool, decoder: int = DECODER) -> Codec:
    """Hive's own two ways to store a primitive: `#b` (binary) and `#s`. ValueError where there is no `#b` form.

    As in Hive `#b` means nothing for strings.
    """
    if hive.name in TEXTS:
        return text_codec(hive, cut=decoder > 1)
    if hive.name == "binary":
        return _BINARY
    if not binary:
        return _as_text(hive, decoder)
    if hive.name == "boolean":
        return BOOL
    if hive.name in WIDTHS:
        return big_endian(hive.name, hive)
    raise ValueError(f"{hive.text} has no #b form; leave it out for text, or give a type")


def codec_named(name: str, hive: HiveType, decoder: int = DECODER) -> Codec:
    """A codec by its name in the configuration (`CODECS`). ValueError if it does not give the column's type."""
    gives = CODECS[name]
    if hive.name not in gives:
        raise ValueError(f"type {name} gives {' or '.join(gives)}, not {hive.text}")
    if name in _ENDIAN_NAMES:
        return big_endian(_ENDIAN_NAMES[name], hive)
    simple = {"bool": BOOL, "binary": _BINARY, "json": _JSON, "timestamp_ms": TIMESTAMP_MS}
    if name in simple:
        return simple[name]
    return text_codec(hive, cut=decoder > 1) if name == "string" else _as_text(hive, decoder)


def _as_text(hive: HiveType, decoder: int) -> Codec:
    return form_codec(hive, _FORMS[decoder]["int" if hive.name in INTEGERS else hive.name])


_ENDIAN_NAMES = {
    "short_be": "smallint",
    "int_be": "int",
    "long_be": "bigint",
    "float_be": "float",
    "double_be": "double",
}
CODECS: dict[str, tuple[str, ...]] = {
    "short_be": ("smallint", "int", "bigint"),
    "int_be": ("int", "bigint"),
    "long_be": ("bigint",),
    "float_be": ("float", "double"),
    "double_be": ("double",),
    "string": TEXTS,
    "decimal_string": ("decimal",),
    "bool": ("boolean",),
    "timestamp_ms": ("timestamp",),
    "date": ("date",),
    "json": ("string",),
    "binary": ("binary",),
}
"""Type names of the configuration → the Hive types that they can fill. `_be`: as `Bytes.toBytes` of HBase writes it."""

_JSON_TYPE = HiveType("JSON", "string", pa.string())
_JSON = Codec("JSON", lambda values: each(without_null_text(as_binary(values)), json_text, _JSON_TYPE))
_BINARY = Codec("bytes", lambda values: (as_binary(values), {}), lambda column: column)
