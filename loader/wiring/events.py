"""From the configuration of a table of events to its mapping, its log, and the source that a loop has of it."""

from typing import TYPE_CHECKING

from loader.mapping.events.event_mapping import EventMapping, build_event_mapping
from loader.sources.api import Log
from loader.sources.event_rows import rows_of
from loader.sources.log_source import LogReader, LogSource
from loader.state.open_table import Environment
from loader.wiring.mapping import transform_of

if TYPE_CHECKING:
    from loader.config.settings import TableSettings
    from loader.config.source_settings import KafkaSource, SourceSettings

READ_THREADS = 2
"""Parts of a log that are read and decoded at once."""


def source_of(table: "TableSettings") -> "SourceSettings":
    """Raises RuntimeError for a table that is kept equal to HBase."""
    if table.source is None:
        raise RuntimeError(f"{table.hive_table} has no log")
    return table.source


def event_mapping_of(table: "TableSettings") -> EventMapping:
    """Raises MappingError."""
    fields = {name: (given.field, given.type) for name, given in table.fields.items()}
    computed = tuple(table.transform.select or ())
    return build_event_mapping(
        source_of(table).format, table.columns, fields, table.partition_by, table.time_zone, computed
    )


def log_of(table: "TableSettings") -> Log:
    """Connects when it is first asked. Raises ConfigError where a module is missing."""
    return _kafka(source_of(table).kafka)


def _kafka(settings: "KafkaSource") -> Log:
    from loader.sources.kafka import settings as kafka  # noqa: PLC0415 - brings librdkafka
    from loader.sources.kafka.log import KafkaLog  # noqa: PLC0415

    files = settings.tls if not isinstance(settings.tls, bool) else None
    tls = kafka.Tls(*(name or "" for name in (files.ca, files.certificate, files.key))) if files else kafka.Tls()
    sasl = settings.sasl
    login = kafka.Login(kafka.Sasl(sasl.mechanism), sasl.user, sasl.password.get_secret_value()) if sasl else None
    return KafkaLog(
        kafka.KafkaSettings(
            settings.servers,
            settings.topics,
            tls=tls if settings.tls else None,
            login=login,
            answer_s=settings.timeout,
            progress_s=settings.timeout,
        )
    )


def log_source_of(table: "TableSettings", env: Environment, mapping: EventMapping) -> LogSource:
    """Raises MappingError, ConfigError."""
    log = log_of(table)
    reader = LogReader(log, rows_of(mapping, transform_of(table, mapping)), READ_THREADS)
    return LogSource(log, reader, lambda: env.state.records().state.position, env.clock, table.max_events)
