"""What a Hive table must be so that every reader sees what a swap publishes, and nobody else moves its data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loader.basics.errors import UnsuitableTable
from metastore.api import Partition, StorageFormat, Table

AS_PLAIN = "Create a plain external table (PARTITIONED BY … STORED AS PARQUET), or let `hotswap init` create one."


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A parameter of the table or its serde that breaks the promise, unless its value is one of `harmless`."""

    name: str
    why: str
    hint: str = ""  # "": unset it
    harmless: Sequence[str] = ("", "false")

    def told(self, table: Table, value: str) -> UnsuitableTable:
        hint = self.hint or f"ALTER TABLE {table.name} UNSET TBLPROPERTIES ('{self.name}')"
        return UnsuitableTable(f"{table.name} has {self.name} = {value}: {self.why}", hint)


_BY_SPARK = "Spark keeps its columns in properties of its own, and never shows one that `evolve` adds"
_BY_AVRO = "readers take its columns from an Avro schema and not from the metastore"
_PLAIN = ("", "external_table")
_LINES = "Hive leaves out so many rows of every file"

FORBIDDEN = (
    Forbidden("transactional", "a transactional table keeps its own versions; hotswap needs a plain external table"),
    Forbidden("discover.partitions", "the server would run MSCK by itself and drop live partitions"),
    Forbidden("partition.retention.period", "the server would delete partitions by their age"),
    Forbidden("external.table.purge", "the server would delete data with every dropped partition"),
    Forbidden("storage_handler", "its rows come from a storage handler, not from its partitions' files", AS_PLAIN),
    Forbidden("table_type", "its files are listed by that table format, not by the metastore", AS_PLAIN, _PLAIN),
    Forbidden("spark.sql.sources.provider", _BY_SPARK, AS_PLAIN, ("", "hive")),
    Forbidden("spark.sql.sources.schema.numBuckets", "Spark takes its files for buckets", "", ("", "0", "-1")),
    Forbidden("avro.schema.url", _BY_AVRO),
    Forbidden("avro.schema.literal", _BY_AVRO),
    Forbidden("skip.header.line.count", _LINES, "", ("", "0")),
    Forbidden("skip.footer.line.count", _LINES, "", ("", "0")),
    Forbidden("projection.enabled", "readers compute its partitions' locations and do not ask the metastore"),
)


def check_suitable(table: Table) -> None:
    """The table is of a kind that a swap can keep. Raises UnsuitableTable."""
    for problem in unsuitable(table):
        raise problem


def unsuitable(table: Table) -> Iterator[UnsuitableTable]:
    """Everything that is in the way, of which each alone is enough."""
    if table.kind != "EXTERNAL_TABLE":
        yield UnsuitableTable(
            f"{table.name} is a {table.kind}, not an EXTERNAL_TABLE",
            "Create an external partitioned table, or let `hotswap init` create one under another name.",
        )
    parameters = {**table.format.serde_parameters, **table.parameters}
    for rule in FORBIDDEN:
        value = parameters.get(rule.name, "")
        if value.strip().lower() not in rule.harmless:
            yield rule.told(table, value)
    if arranged := _arranged(table):
        yield UnsuitableTable(f"{table.name} is {arranged}, and hotswap's files are not", AS_PLAIN)


def check_format(table: Table, storage: StorageFormat) -> None:
    """The table is read as the configuration's format is. Raises UnsuitableTable."""
    if odd := _odd_reader(table, storage):
        raise UnsuitableTable(
            f"{table.name} is read by {odd}, but the configuration says {_name_of(storage)}",
            "Set `format:` to what the table is, or create another table.",
        )


def partition_problem(partition: Partition, storage: StorageFormat) -> str | None:
    """Why a partition of others cannot be taken over, the end of a sentence; None if it can."""
    if odd := _odd_reader(partition, storage):
        return f"is read by {odd}, the table by {storage.serde}"
    arranged = _arranged(partition)
    return f"is {arranged}, and hotswap's files are not" if arranged else None


def _arranged(what: Table | Partition) -> str:
    if what.bucketed_by:
        return f"CLUSTERED BY ({', '.join(what.bucketed_by)})"
    return f"SKEWED BY ({', '.join(what.skewed_by)})" if what.skewed_by else ""


def _odd_reader(what: Table | Partition, storage: StorageFormat) -> str:
    """The class that reads otherwise: Hudi and symlinks keep Parquet's serde over an input format of theirs."""
    if what.format.serde != storage.serde:
        return what.format.serde or "no serde"
    return what.format.input_format if what.format.input_format != storage.input_format else ""


def _name_of(storage: StorageFormat) -> str:
    return "orc" if "Orc" in storage.serde else "parquet"
