"""Who we are to the metastore and how the line is secured: TLS, LDAP (SASL PLAIN) and Kerberos (SASL GSSAPI).

SASL is done by Thrift's own transport, which needs pure-sasl (`hotswap[ldap]`), for Kerberos also the `kerberos` module
(`hotswap[kerberos]`) and a ticket: `kinit` before, or KRB5CCNAME. TLS is Python's.
"""

import getpass
import importlib.util
import socket
import ssl
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

READ_BUFFER_BYTES = 1 << 18
LARGEST_SASL_PIECE = 8 << 20
"""Servers refuse SASL frames above 16,384,000 bytes; a message may be sent in several (4-hive-facts 5)."""
LARGEST_SASL_REPLY = 1 << 30


class Mechanism(Enum):
    """How a client proves who it is. With NONE the server believes whoever we say that we are."""

    NONE = "none"
    LDAP = "ldap"
    KERBEROS = "kerberos"


_NEEDS = {Mechanism.LDAP: ("puresasl",), Mechanism.KERBEROS: ("puresasl", "kerberos")}


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files. `ca`: who may sign the server's certificate, by default whom the operating system trusts.

    `certificate` and `key`: ours, where the server asks for one.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def wrap(self, handle: socket.socket, host: str) -> socket.socket:
        """The secured line. Raises OSError (ssl.SSLError among them), also for files that cannot be read."""
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context.wrap_socket(handle, server_hostname=host)


@dataclass(frozen=True, slots=True)
class Auth:
    """Who we are and how the connection is secured. ValueError for what does not go together, or is not installed.

    With NONE the server believes `user` (set_ugi; the operating system's user by default) and `groups`. LDAP needs
    `user` and `password`. With Kerberos the ticket says who we are, and `service` is the first part of the server's
    principal (`hive` of `hive/_HOST@REALM`).
    """

    mechanism: Mechanism = Mechanism.NONE
    user: str = ""
    groups: tuple[str, ...] = ()
    password: str = field(default="", repr=False)
    service: str = "hive"
    tls: Tls | None = None

    def __post_init__(self) -> None:
        if self.mechanism is Mechanism.LDAP and not (self.user and self.password):
            raise ValueError("ldap authentication to the metastore needs a user and a password")
        missing = [name for name in _NEEDS.get(self.mechanism, ()) if importlib.util.find_spec(name) is None]
        if missing:
            raise ValueError(
                f"{self.mechanism.value} authentication to the metastore needs the Python module {missing[0]}: "
                f"pip install 'hotswap[{self.mechanism.value}]'"
            )

    def who(self) -> str:
        return self.user or getpass.getuser()

    def secured(self, handle: socket.socket, host: str) -> socket.socket:
        """The connected socket, with TLS if it is wanted. Raises OSError."""
        return self.tls.wrap(handle, host) if self.tls else handle

    def line(self, socket_: Any, host: str) -> "Line":
        """What calls on a TSocket are written to. Logs in. Raises TException and OSError."""
        from thrift.transport.TTransport import (  # noqa: PLC0415  # a configuration is read without Thrift
            TBufferedTransport,
            TSaslClientTransport,
            TTransportException,
        )

        if self.mechanism is Mechanism.NONE:
            return TBufferedTransport(socket_, READ_BUFFER_BYTES)  # type: ignore[no-any-return]
        buffered = TBufferedTransport(socket_, READ_BUFFER_BYTES)
        made = TSaslClientTransport(buffered, host, self.service, **self._sasl(), max_frame_size=LARGEST_SASL_REPLY)
        try:
            made.open()
        except _log_in_errors(self.mechanism) as error:
            raise TTransportException(TTransportException.NOT_OPEN, str(error)) from error
        return made  # type: ignore[no-any-return]

    def _sasl(self) -> dict[str, Any]:
        if self.mechanism is Mechanism.KERBEROS:
            return {"mechanism": "GSSAPI"}
        return {"mechanism": "PLAIN", "username": self.user, "password": self.password}


def _log_in_errors(mechanism: Mechanism) -> tuple[type[Exception], ...]:
    """What SASL's modules raise beside Thrift's exceptions. They are optional, so imported here."""
    from puresasl import SASLError  # noqa: PLC0415

    if mechanism is not Mechanism.KERBEROS:
        return (SASLError,)
    from kerberos import KrbError  # noqa: PLC0415

    return (SASLError, KrbError)


class Line(Protocol):
    """A Thrift transport."""

    def write(self, data: bytes) -> None: ...

    def flush(self) -> None: ...


def send(line: Line, request: bytes) -> None:
    """The whole request, in pieces that a SASL server takes."""
    for start in range(0, len(request), LARGEST_SASL_PIECE):
        line.write(request[start : start + LARGEST_SASL_PIECE])
        line.flush()
