"""Which topics of which cluster, and how to log in there: a value that goes to the tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Sasl(Enum):
    PLAIN = "PLAIN"
    SCRAM_256 = "SCRAM-SHA-256"
    SCRAM_512 = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM. Without `ca`: what the machine trusts. `certificate` and `key` are the client's, if any."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
    key_password: str = field(default="", repr=False)

    def options(self) -> Mapping[str, str]:
        named = {
            "ssl.ca.location": self.ca,
            "ssl.certificate.location": self.certificate,
            "ssl.key.location": self.key,
            "ssl.key.password": self.key_password,
        }
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Login:
    """Name and password. With PLAIN and without TLS the password goes over the wire as it is."""

    sasl: Sasl
    user: str
    password: str = field(repr=False)

    def options(self) -> Mapping[str, str]:
        return {"sasl.mechanism": self.sasl.value, "sasl.username": self.user, "sasl.password": self.password}


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where a table's events are.

    `servers`: host:port of some brokers. `headers`: read them, too. `answer_s`: a question that has no answer for so
    long fails; `progress_s`: a read in which nothing arrives for so long fails.
    """

    servers: tuple[str, ...]
    topics: tuple[str, ...]
    tls: Tls | None = None
    login: Login | None = None
    headers: bool = False
    answer_s: float = 10.0
    progress_s: float = 60.0

    def __post_init__(self) -> None:
        if not self.servers or not self.topics:
            raise ValueError("a Kafka source needs at least one server and one topic")
        if len(set(self.topics)) < len(self.topics):
            raise ValueError(f"a topic is named twice: {', '.join(sorted(self.topics))}")

    @property
    def name(self) -> str:
        return f"kafka:{','.join(sorted(self.topics))}"

    def options(self) -> dict[str, str | int | bool]:
        """librdkafka's, of any client of this cluster. It tells its troubles by errors, so it need not print them."""
        protocol = f"{'SASL_' if self.login else ''}{'SSL' if self.tls else 'PLAINTEXT'}"
        return {
            "bootstrap.servers": ",".join(self.servers),
            "security.protocol": protocol,
            **(self.tls.options() if self.tls else {}),
            **(self.login.options() if self.login else {}),
            "log_level": 0,
            "reconnect.backoff.max.ms": 1_000,
        }
