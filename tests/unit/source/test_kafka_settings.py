"""How a Kafka source is told to librdkafka."""

from __future__ import annotations

import pickle

import pytest

from loader.basics.errors import ConfigError
from loader.sources.kafka.cluster import Cluster
from loader.sources.kafka.log import KafkaLog
from loader.sources.kafka.settings import KafkaSettings, Login, Sasl, Tls

PLAIN = KafkaSettings(("a:1", "b:2"), ("u", "t"))


@pytest.mark.parametrize(
    ("tls", "login", "protocol"),
    [
        (None, None, "PLAINTEXT"),
        (Tls(), None, "SSL"),
        (None, Login(Sasl.PLAIN, "me", "secret"), "SASL_PLAINTEXT"),
        (Tls(), Login(Sasl.SCRAM_512, "me", "secret"), "SASL_SSL"),
    ],
)
def test_security_follows_from_what_is_given(tls: Tls | None, login: Login | None, protocol: str) -> None:
    assert KafkaSettings(("a:1",), ("t",), tls, login).options()["security.protocol"] == protocol


def test_no_secret_is_shown() -> None:
    shown = repr(KafkaSettings(("a:1",), ("t",), Tls(key_password="hidden"), Login(Sasl.PLAIN, "me", "hidden")))
    assert "me" in shown
    assert "hidden" not in shown


def test_the_name_does_not_follow_the_order_of_topics() -> None:
    assert PLAIN.name == "kafka:t,u"


@pytest.mark.parametrize(("servers", "topics"), [((), ("t",)), (("a:1",), ()), (("a:1",), ("t", "t"))])
def test_settings_that_cannot_be_are_refused(servers: tuple[str, ...], topics: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="topic"):
        KafkaSettings(servers, topics)


def test_a_file_that_is_not_there_is_an_error_of_the_configuration() -> None:
    settings = KafkaSettings(("127.0.0.1:1",), ("t",), Tls(ca="no-such-file"))
    with pytest.raises(ConfigError, match=r"kafka:t are refused.*ssl\.ca\.location"):
        Cluster(settings)


def test_a_log_pickles_with_its_settings() -> None:
    assert pickle.loads(pickle.dumps(KafkaLog(PLAIN))).name == "kafka:t,u"
