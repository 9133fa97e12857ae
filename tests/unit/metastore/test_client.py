"""What the client says when there is no metastore, or something else, where it looks for one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from metastore.auth import Auth, Mechanism, Tls
from metastore.client import Retries, connect
from metastore.errors import MetastoreError, NotAccepted, NotAMetastore, Unreachable
from metastore.transport import Address, parse_uris

ONCE = Retries(attempts=1)
HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def unknown_method(name: bytes) -> bytes:
    """TApplicationException(UNKNOWN_METHOD) as a Thrift server of another service answers."""
    head = b"\x80\x01\x00\x03" + len(name).to_bytes(4, "big") + name + b"\0\0\0\0"
    return head + b"\x0b\x00\x01\x00\x00\x00\x04nope" + b"\x08\x00\x02\x00\x00\x00\x01" + b"\x00"


@contextmanager
def server(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server on a free port that treats each connection as told; gives its URI."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    client.settimeout(5)
                    client.recv(4096)
                    answer(client)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"thrift://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def failure(uri: str, **options: Any) -> MetastoreError:
    with pytest.raises(MetastoreError) as caught:
        connect([uri], retries=ONCE, **options)
    return caught.value


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"thrift://127.0.0.1:{listener.getsockname()[1]}"


def test_without_a_server_the_metastore_is_unreachable() -> None:
    uri = closed_port()
    error = failure(uri)
    assert isinstance(error, Unreachable)
    assert uri.removeprefix("thrift://") in error.message


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    assert isinstance(failure("thrift://no-such-host.invalid:9083"), Unreachable)


def test_of_several_dead_servers_each_is_named() -> None:
    first, second = closed_port(), closed_port()
    with pytest.raises(Unreachable) as caught:
        connect([first, second], retries=ONCE)
    assert all(uri.removeprefix("thrift://") in caught.value.message for uri in (first, second))


def test_a_web_server_is_not_a_metastore() -> None:
    with server(lambda client: client.sendall(HTTP)) as uri:
        assert isinstance(failure(uri), NotAMetastore)


def test_another_thrift_service_is_not_a_metastore() -> None:
    with server(lambda client: client.sendall(unknown_method(b"set_ugi"))) as uri:
        assert isinstance(failure(uri), NotAMetastore)


def test_a_server_that_hangs_up_is_unreachable_and_the_hint_names_kerberos() -> None:
    with server(lambda client: None) as uri:
        error = failure(uri)
    assert isinstance(error, Unreachable)
    assert "Kerberos" in error.hint


def test_a_server_that_says_nothing_is_unreachable() -> None:
    with server(lambda client: client.recv(1)) as uri:
        assert isinstance(failure(uri, connect_timeout_s=0.1), Unreachable)


def test_garbage_is_not_a_metastore() -> None:
    with server(lambda client: client.sendall(b"\x80\x01\x00\x02\x7f\xff\xff\xff")) as uri:
        assert isinstance(failure(uri), NotAMetastore)


def test_connecting_is_tried_again_as_often_as_told() -> None:
    slept: list[float] = []
    with pytest.raises(Unreachable):
        connect([closed_port()], retries=Retries(attempts=4), sleep=slept.append)
    assert len(slept) == 3


@pytest.mark.parametrize(
    ("uris", "addresses"),
    [
        (["thrift://a"], [Address("a", 9083)]),
        (["thrift://a:1", "thrift://b:2"], [Address("a", 1), Address("b", 2)]),
        (["thrift://a:1, thrift://b:2"], [Address("a", 1), Address("b", 2)]),
        (["thrift://[::1]:1"], [Address("::1", 1)]),
    ],
)
def test_uris_are_read_as_hive_writes_them(uris: list[str], addresses: list[Address]) -> None:
    assert list(parse_uris(uris)) == addresses


@pytest.mark.parametrize("uris", [[], [""], ["a:9083"], ["http://a:9083"], ["thrift://a:0"], ["thrift://a:99999"]])
def test_what_is_no_uri_is_refused(uris: list[str]) -> None:
    with pytest.raises(ValueError, match="thrift://host:9083"):
        parse_uris(uris)


@pytest.mark.parametrize("options", [{}, {"user": "olga"}, {"password": "secret"}])
def test_ldap_needs_a_user_and_a_password(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="needs a user and a password"):
        Auth(Mechanism.LDAP, **options)


def test_a_password_is_never_printed() -> None:
    assert "secret" not in repr(Auth(Mechanism.LDAP, user="olga", password="secret"))


def test_an_authority_that_cannot_be_read_is_told() -> None:
    with server(lambda client: client.recv(1)) as uri, pytest.raises(NotAccepted, match="no TLS with"):
        connect([uri], auth=Auth(tls=Tls(ca="/no/such/file")))
