"""What a table's rows come from, as manifests, properties and reports name it."""

from typing import TYPE_CHECKING

from loader.basics.errors import ConfigError

if TYPE_CHECKING:
    from loader.config.settings import TableSettings


def source_name(table: "TableSettings") -> str:
    """What it is, and not where its servers are."""
    if table.source is None:
        return f"hbase:{table.hbase_table}"
    return f"kafka:{','.join(sorted(table.source.kafka.topics))}"


def check_keyed(table: "TableSettings") -> None:
    """Raises ConfigError for a table of events, of a verb that needs rows with keys."""
    if table.source is not None:
        raise ConfigError(
            f"{table.hive_table} holds the events of a log: there is no HBase table to read or compare it with",
            "This is for tables that are kept equal to HBase. `hotswap verify`, `history` and `rollback` are for both.",
        )
