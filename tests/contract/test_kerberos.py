"""Kerberos to a real metastore 4.0.1, with a KDC of MIT's: only where that and the `kerberos` module are installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from devservers.metastore_newer import Metastore40
from devservers.site import write_conf
from metastore.auth import Auth, Mechanism
from metastore.client import Retries, connect
from metastore.errors import NotAccepted, NotAMetastore, Unreachable
from tests.contract.logged_in import do_everything
from tests.kdc import REALM, SERVER, Kdc, kdc, missing

LACKS = [*missing(), *([] if importlib.util.find_spec("kerberos") else ["the Python module kerberos"])]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(LACKS),
        reason=f"no {', '.join(LACKS)}: install krb5-kdc, krb5-admin-server, krb5-user and `.[kerberos]`",
    ),
]
ONCE = Retries(attempts=1)


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kdc]:
    with kdc(tmp_path_factory.mktemp("kdc")) as started, pytest.MonkeyPatch.context() as environment:
        for name, value in started.environment.items():
            environment.setenv(name, value)
        yield started


@pytest.fixture(scope="module")
def uri(realm: Kdc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("kerberised")
    write_conf(folder / "conf", "core-site", {"hadoop.security.authentication": "kerberos"})
    settings = {
        "metastore.sasl.enabled": "true",
        "hadoop.security.authentication": "kerberos",
        "metastore.authentication": "KERBEROS",
        "metastore.kerberos.principal": f"{SERVER}@{REALM}",
        "metastore.kerberos.keytab.file": str(realm.keytab(SERVER)),
    }
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JAVA_TOOL_OPTIONS", f"-Djava.security.krb5.conf={realm.conf}")
        started = Metastore40.start(folder, settings=settings)
    yield started.uri.replace("127.0.0.1", "localhost")
    started.close()


@pytest.fixture
def ticket(realm: Kdc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process with the user's ticket."""
    monkeypatch.setenv("KRB5CCNAME", realm.environment["KRB5CCNAME"])


def test_who_has_a_ticket_may_do_everything(uri: str, ticket: None, tmp_path: Path) -> None:
    """Also send more than a SASL frame holds."""
    metastore = connect([uri], auth=Auth(Mechanism.KERBEROS), retries=ONCE)
    do_everything(metastore, "kerberised", tmp_path)


def test_who_has_no_ticket_is_told(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/none")
    with pytest.raises(NotAccepted, match="kerberos"):
        connect([uri], auth=Auth(Mechanism.KERBEROS), retries=ONCE, connect_timeout_s=5)


def test_a_service_that_the_realm_does_not_know_is_told(uri: str, ticket: None) -> None:
    with pytest.raises(NotAccepted, match="kerberos"):
        connect([uri], auth=Auth(Mechanism.KERBEROS, service="nosuch"), retries=ONCE, connect_timeout_s=5)


def test_a_plain_line_to_a_server_with_kerberos_is_told_with_what_to_set(uri: str) -> None:
    with pytest.raises((NotAMetastore, Unreachable, NotAccepted)) as caught:
        connect([uri], auth=Auth(), retries=ONCE, connect_timeout_s=5)
    assert "metastore.auth" in caught.value.hint
