"""What of a configuration decides a row's image and place: its definition, and what may be done when it changes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

from loader.basics.errors import ConfigError
from loader.mapping import Mapping as CellMapping
from loader.mapping.codecs import DECODER
from loader.mapping.events.event_mapping import EventMapping
from loader.state.definitions import Described, changes, current, decoder_of, may_follow, parts_of, store
from loader.state.open_table import Environment
from loader.wiring.events import event_mapping_of
from loader.wiring.mapping import mapping_of
from loader.wiring.source_name import source_name
from partitioner.history.manifest import Definition

if TYPE_CHECKING:
    from loader.config.settings import TableSettings

ZONED = ("date", "month", "hour")
"""Partition expressions that depend on the table's time zone."""
TRANSFORM_RULES = "Spark 4 ANSI"
"""By which expressions are evaluated; other rules would make other rows of the same text."""
MOST_SHOWN = 5


Rows = CellMapping | EventMapping
"""What makes a table's rows."""


def rows_mapping(table: "TableSettings", env: Environment) -> Rows:
    """The configured mapping of a table of either kind, as `known_mapping` has it. Raises MappingError."""
    return known_mapping(table, env) if table.source is None else event_mapping_of(table)


def configured_mapping(table: "TableSettings") -> Rows:
    """The same by the newest decoder, of a table that need not exist. Raises MappingError."""
    return mapping_of(table) if table.source is None else event_mapping_of(table)


def known_mapping(table: "TableSettings", env: Environment) -> CellMapping:
    """The configured mapping, by the decoder that the table's rows are read by. Raises MappingError."""
    return mapping_of(table, decoder_of(env, DECODER))


def described(table: "TableSettings", mapping: Rows) -> Described:
    """The definition of the rows that this configuration makes, with its readable parts."""
    spelled = json.loads(mapping.spelling)
    parts = dict(_parts(table, spelled) if isinstance(mapping, CellMapping) else _event_parts(table, spelled))
    text = json.dumps(parts, sort_keys=True)
    return Described(blake2b(text.encode(), digest_size=16).hexdigest(), spelled.get("decoder", 1), parts)


def _event_parts(table: "TableSettings", spelled: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "source", source_name(table)
    yield "format", spelled["format"]
    yield "columns", ", ".join(name for name, _ in spelled["columns"])
    for name, kind in spelled["columns"]:
        yield f"column {name}", f"{kind} from {spelled['fields'].get(name, 'the transform')}"
    yield from _common_parts(table, spelled)


def _parts(table: "TableSettings", spelled: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    columns, cells = spelled["columns"], spelled["cells"]
    assert isinstance(columns, list)
    assert isinstance(cells, dict)
    yield "hbase_table", table.hbase_table
    yield "columns", ", ".join(name for name, _ in columns)
    for name, kind in columns:
        place, binary, codec = cells.get(name, ["the transform or the row key", False, None])
        yield f"column {name}", f"{kind} from {place}{'#b' if binary else ''}{f' as {codec}' if codec else ''}"
    yield "row_key", json.dumps(spelled["row_key"])
    yield from _common_parts(table, spelled)


def _common_parts(table: "TableSettings", spelled: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "partition_by", ", ".join(map(_partition_text, cast(list[Any], spelled["partition_by"])))
    for name, expression in sorted((table.transform.select or {}).items()):
        yield f"select {name}", expression
    yield "where", table.transform.where or ""
    if table.transform.select or table.transform.where:
        yield "transform's rules", TRANSFORM_RULES
    yield "decoder", str(spelled.get("decoder", 1))


def _partition_text(key: Sequence[Any]) -> str:
    name, kind, source, expression, count, zone = key
    how = f" as {expression}{f'({count})' if count else ''}" if expression else ""
    return f"{name} {kind} from {source}{how}{f' in {zone}' if zone and expression in ZONED else ''}"


def check_definition(env: Environment, table: "TableSettings", mapping: Rows) -> Definition:
    """The configuration's definition, if it is the table's. Raises ConfigError: what changed, and what to do."""
    wanted, has = described(table, mapping), current(env)
    if has is None or has == wanted.definition or may_follow(env, wanted.digest, has):
        return wanted.definition
    changed = _some(changes(parts_of(env, has.digest), wanted.parts))
    if table.source is not None:
        raise ConfigError(
            f"the configuration of {env.table} makes other rows than those that are live: {'; '.join(changed)}",
            "Put it back, or keep what the new one makes in another table.",
        )
    raise ConfigError(
        f"the configuration of {env.table} makes other rows than those that are live: {'; '.join(changed)}",
        "Put it back. Or, for columns that were added behind the others, run `hotswap evolve"
        f" {env.table}`; for anything else `hotswap rebuild {env.table}`: it makes the table anew from all of HBase.",
    )


def record_definition(env: Environment, table: "TableSettings", mapping: Rows) -> Definition:
    """The same, and remember it as the table's first if it has none: a table of before records today's."""
    found = check_definition(env, table, mapping)
    store(env, described(table, mapping), initial=current(env) is None)
    return found


def evolved_definition(env: Environment, table: "TableSettings", mapping: CellMapping) -> Described:
    """The definition that columns added behind the others make. Raises ConfigError for any other change."""
    wanted, has = described(table, mapping), current(env)
    before = parts_of(env, has.digest) if has is not None else None
    if has is None or before is None:
        return wanted
    other = changes({name: text for name, text in before.items() if name != "columns"}, _known(wanted.parts, before))
    if other or not wanted.parts["columns"].startswith(before["columns"]):
        told = "; ".join(_some(other)) or "their order"
        raise ConfigError(
            f"more than new columns changed in the configuration of {env.table}: {told}",
            f"Put that back and run `hotswap evolve` again; then change it, and run `hotswap rebuild {env.table}`.",
        )
    return Described(wanted.digest, wanted.decoder, wanted.parts, follows=has.digest)


def _known(wanted: Mapping[str, str], before: Mapping[str, str]) -> Mapping[str, str]:
    """Without what stands only in the new one and is a new column's own."""
    return {
        name: text
        for name, text in wanted.items()
        if name != "columns" and (name in before or not name.startswith(("column ", "select ")))
    }


def _some(told: Sequence[str]) -> list[str]:
    return [*told[:MOST_SHOWN], *([f"and {len(told) - MOST_SHOWN} more"] if len(told) > MOST_SHOWN else [])]
