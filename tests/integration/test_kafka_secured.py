"""TLS, log-in and rights, on a real Kafka that wants them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from devservers.kafka import Kafka
from loader.basics.errors import ConfigError, SourceError, Unavailable
from loader.sources.kafka.log import KafkaLog
from loader.sources.kafka.settings import KafkaSettings, Login, Sasl, Tls
from tests.contract.test_log_in import STORE_PASSWORD, make_certificate
from tests.integration.kafka_events import all_of, polled
from tests.kafka import RunningKafka

USER, PASSWORD = "olga", "s3cret"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True)
class Guarded:
    """`kafka`: as its administrator, who comes in by the listener without security."""

    kafka: RunningKafka
    certificate: Path

    def settings(self, topic: str, sasl: Sasl, password: str = PASSWORD, trusted: bool = True) -> KafkaSettings:
        tls = Tls(ca=str(self.certificate) if trusted else "")
        server = self.kafka.server.secured
        return KafkaSettings((server,), (topic,), tls, Login(sasl, USER, password), answer_s=5.0, progress_s=5.0)

    def topic(self, *rights: AclOperation) -> str:
        """A topic with one event, on which `USER` has these rights."""
        topic = self.kafka.new_topic()
        self.kafka.put(topic, b"secret")
        for right in rights:
            self._allow(topic, right)
        return topic

    def _allow(self, topic: str, right: AclOperation) -> None:
        who, literal, allow = f"User:{USER}", ResourcePatternType.LITERAL, AclPermissionType.ALLOW
        acl = AclBinding(ResourceType.TOPIC, topic, literal, who, "*", right, allow)
        for future in self.kafka.admin.create_acls([acl]).values():
            future.result(30)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded-kafka")
    store, certificate = make_certificate(folder)
    settings = {
        "ssl.keystore.location": str(store),
        "ssl.keystore.password": STORE_PASSWORD,
        "ssl.keystore.type": "PKCS12",
        "sasl.enabled.mechanisms": ",".join(sasl.value for sasl in Sasl),
        "listener.name.sasl_ssl.plain.sasl.jaas.config": f'{_PLAIN} required user_{USER}="{PASSWORD}";',
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": f"{_SCRAM} required;",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{_SCRAM} required;",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    scram = [
        word
        for sasl in (Sasl.SCRAM_256, Sasl.SCRAM_512)
        for word in ("--add-scram", f"{sasl.value}=[name={USER},password={PASSWORD}]")
    ]
    with Kafka.start(folder / "kafka", settings, scram, secured_by="SASL_SSL") as started:
        yield Guarded(RunningKafka(started), certificate)


@pytest.mark.parametrize("sasl", Sasl)
def test_who_is_known_and_may_read_needs_no_other_right(guarded: Guarded, sasl: Sasl) -> None:
    """Neither one of a group, nor to see the topic's configuration."""
    topic = guarded.topic(AclOperation.READ)
    assert all_of(KafkaLog(guarded.settings(topic, sasl))) == {f"{topic}-0": [(0, b"secret")]}


@pytest.mark.parametrize("sasl", [Sasl.PLAIN, Sasl.SCRAM_256])
def test_a_wrong_password_is_an_error_of_the_configuration(guarded: Guarded, sasl: Sasl) -> None:
    topic = guarded.topic(AclOperation.READ)
    with pytest.raises(ConfigError, match=r"refuses to log in: .*[Aa]uthentication failed") as caught:
        KafkaLog(guarded.settings(topic, sasl, password="wrong")).poll(None, 10)
    assert "wrong" not in caught.value.message


def test_a_certificate_that_nobody_trusts_ends_it_before_the_password_is_sent(guarded: Guarded) -> None:
    topic = guarded.topic(AclOperation.READ)
    with pytest.raises(Unavailable, match=r"certificate verify failed|unable to get"):
        KafkaLog(guarded.settings(topic, Sasl.PLAIN, trusted=False)).poll(None, 10)


def test_who_may_not_read_is_told_which_rights_are_missing(guarded: Guarded) -> None:
    topic, described = guarded.topic(), guarded.topic(AclOperation.DESCRIBE)
    with pytest.raises(SourceError, match=r"does not allow descriptions of topics: .*authorization failed") as caught:
        KafkaLog(guarded.settings(topic, Sasl.PLAIN)).poll(None, 10)
    assert "DESCRIBE and READ" in caught.value.hint
    log = KafkaLog(guarded.settings(described, Sasl.PLAIN))
    with pytest.raises(SourceError, match=rf"does not allow events of {described}-0"):
        list(log.read(polled(log).parts[0]))
