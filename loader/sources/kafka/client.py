"""confluent-kafka (the extra `kafka`) where it is wanted, and its errors as ours."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeVar

from loader.basics.errors import ConfigError, HotswapError, SourceError, Unavailable
from loader.sources.kafka.settings import KafkaSettings

Made = TypeVar("Made")

_PASSING = (
    "_TRANSPORT",
    "_TIMED_OUT",
    "_ALL_BROKERS_DOWN",
    "_RESOLVE",
    "_SSL",
    "_WAIT_COORD",
    "_WAIT_CACHE",
    "_NOENT",  # "No leaders found", while a broker starts
    "REQUEST_TIMED_OUT",
    "BROKER_NOT_AVAILABLE",
    "COORDINATOR_NOT_AVAILABLE",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "NOT_COORDINATOR",
    "LEADER_NOT_AVAILABLE",
    "NOT_LEADER_FOR_PARTITION",
    "REPLICA_NOT_AVAILABLE",
    "KAFKA_STORAGE_ERROR",
    "FENCED_LEADER_EPOCH",
    "UNKNOWN_LEADER_EPOCH",
    "OFFSET_NOT_AVAILABLE",
    "NETWORK_EXCEPTION",
    "THROTTLING_QUOTA_EXCEEDED",
)
_ABSENT = ("UNKNOWN_TOPIC_OR_PART", "UNKNOWN_TOPIC_ID", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION")
_FORBIDDEN = ("TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED")
_REFUSED = ("_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM")
_DAMAGED = "The broker's copy is damaged. Nothing is skipped: let another replica lead, or restore it."


def kafka() -> ModuleType:
    """The module. Raises ConfigError that says how to install it."""
    try:
        import confluent_kafka  # noqa: PLC0415 - the extra `kafka`
        import confluent_kafka.admin  # noqa: PLC0415
    except ImportError:
        raise ConfigError(
            "hotswap was installed without Kafka", "pip install 'hotswap[kafka]', on the executors too."
        ) from None
    return confluent_kafka  # type: ignore[no-any-return]


def made(kind: Callable[[Mapping[str, Any]], Made], settings: KafkaSettings, options: Mapping[str, Any]) -> Made:
    """A client of the brokers. It connects by itself. Raises ConfigError for options that cannot be."""
    try:
        return kind({**settings.options(), **options})
    except kafka().KafkaException as error:
        raise ConfigError(f"the settings of {settings.name} are refused: {error.args[0].str()}") from error


def passes(error: Any) -> bool:
    """Whether a KafkaError may go away by waiting: a broker is away, a partition has no leader at the moment."""
    return bool(error.retriable()) or error.name() in _PASSING


def forbidden(error: Any) -> bool:
    """Whether it says that we are logged in, but may not ask for this."""
    return error.name() in _FORBIDDEN


def absent(error: Any) -> bool:
    """Whether it says that there is no such topic or partition."""
    return error.name() in _ABSENT


def told(error: Any, settings: KafkaSettings, what: str) -> HotswapError:
    """A KafkaError as one of ours; `what` was asked for."""
    servers = ", ".join(settings.servers)
    if error.name() in _REFUSED:
        return ConfigError(f"Kafka at {servers} refuses to log in: {error.str()}", "Correct the source's login.")
    if error.name() in _FORBIDDEN:
        hint = "Give the source's user DESCRIBE and READ on its topics."
        return SourceError(f"Kafka at {servers} does not allow {what}: {error.str()}", hint)
    if passes(error) or absent(error):
        return unavailable(settings, what, error.str())
    hint = _DAMAGED if error.name() == "_BAD_MSG" else ""
    return SourceError(f"Kafka at {servers} did not give {what}: {error.str()} ({error.name()})", hint)


def unavailable(settings: KafkaSettings, what: str, why: str) -> Unavailable:
    servers = ", ".join(settings.servers)
    return Unavailable(f"Kafka at {servers} did not give {what}: {why}", "Are the brokers up, and are `servers` right?")


class Troubles:
    """What a client notes beside its answers: why it cannot connect or log in. The question itself just waits."""

    def __init__(self) -> None:
        self._refused: Any = None
        self._last: Any = None

    def note(self, error: Any) -> None:
        """As `error_cb`."""
        if error.name() in _REFUSED:
            self._refused = error
        elif error.name() != "_ALL_BROKERS_DOWN":  # says no more than that
            self._last = error

    def behind(self, error: Any) -> Any:
        """What explains an error that was only waiting in vain; otherwise the error."""
        return (self._refused or self._last or error) if passes(error) else error

    def cause(self) -> Any:
        """What was noted last, a refused log-in before all else; None: nothing was."""
        return self._refused or self._last
