"""What a table's rows come from, as manifests, properties and reports name it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loader.config.settings import TableSettings


def source_name(table: "TableSettings") -> str:
    """What it is, and not where its servers are."""
    if table.source is None:
        return f"hbase:{table.hbase_table}"
    if table.source.kafka is not None:
        return f"kafka:{','.join(sorted(table.source.kafka.topics))}"
    return f"files:{table.source.files.path if table.source.files else ''}"
