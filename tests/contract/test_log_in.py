"""TLS and log-in by user and password, on a real metastore that wants them (4.0.1; LDAP's own server is not asked)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devservers.java import find_java
from devservers.metastore_newer import Metastore40
from metastore.auth import Auth, Mechanism, Tls
from metastore.client import Retries, connect
from metastore.errors import MetastoreError, NotAccepted, NotAMetastore, Unreachable
from tests.contract.logged_in import do_everything

USER, PASSWORD, STORE_PASSWORD = "olga", "s3cret", "changeit"
ONCE = Retries(attempts=1)


@dataclass(frozen=True)
class Guarded:
    """A metastore with TLS that asks for user and password."""

    uri: str
    certificate: Path

    def auth(self, password: str = PASSWORD, trusted: bool = True) -> Auth:
        tls = Tls(ca=str(self.certificate) if trusted else None)
        return Auth(Mechanism.LDAP, user=USER, password=password, tls=tls)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A key store for the server, signed by itself for 127.0.0.1, and its certificate as PEM."""
    store, pem = folder / "store.p12", folder / "certificate.pem"
    keytool = [find_java().resolve().with_name("keytool"), "-keystore", store, "-storepass", STORE_PASSWORD]
    name = ["-dname", "CN=metastore", "-ext", "SAN=ip:127.0.0.1", "-alias", "metastore"]
    subprocess.run([*keytool, "-genkeypair", "-storetype", "PKCS12", "-keyalg", "EC", *name], check=True)
    subprocess.run([*keytool, "-exportcert", "-rfc", "-alias", "metastore", "-file", pem], check=True)
    return store, pem


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    store, certificate = make_certificate(folder)
    settings = {
        "metastore.use.SSL": "true",
        "metastore.keystore.path": str(store),
        "metastore.keystore.password": STORE_PASSWORD,
        "metastore.keystore.type": "PKCS12",
        "metastore.authentication": "CONFIG",
        "metastore.authentication.config.username": USER,
        "metastore.authentication.config.password": PASSWORD,
    }
    with Metastore40.start(folder / "metastore", settings=settings) as started:
        yield Guarded(started.uri, certificate)


def test_who_is_known_and_trusts_the_certificate_may_do_everything(guarded: Guarded, tmp_path: Path) -> None:
    """Also send more than a SASL frame holds."""
    metastore = connect([guarded.uri], auth=guarded.auth(), retries=ONCE)
    do_everything(metastore, "guarded", tmp_path)


def failure(guarded: Guarded, auth: Auth) -> MetastoreError:
    with pytest.raises(MetastoreError) as caught:
        connect([guarded.uri], auth=auth, retries=ONCE, connect_timeout_s=5)
    return caught.value


def test_a_wrong_password_is_told_without_being_printed(guarded: Guarded) -> None:
    error = failure(guarded, guarded.auth(password="guessed"))
    assert isinstance(error, NotAccepted)
    assert "does not accept us by ldap" in error.message
    assert "guessed" not in f"{error.message} {error.hint}"


def test_a_certificate_that_nobody_trusts_ends_the_log_in_before_the_password_is_sent(guarded: Guarded) -> None:
    error = failure(guarded, guarded.auth(trusted=False))
    assert isinstance(error, NotAccepted)
    assert "certificate" in error.message


def test_a_certificate_for_another_host_is_refused(guarded: Guarded) -> None:
    with pytest.raises(NotAccepted, match=r"localhost|[Hh]ostname"):
        connect([guarded.uri.replace("127.0.0.1", "localhost")], auth=guarded.auth(), retries=ONCE)


def test_a_plain_line_to_a_server_with_tls_is_told_with_what_to_set(guarded: Guarded) -> None:
    error = failure(guarded, Auth())
    assert isinstance(error, NotAMetastore | Unreachable)
    assert "metastore.tls" in error.hint
