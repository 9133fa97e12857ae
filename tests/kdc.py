"""A Kerberos of one's own: MIT's KDC on loopback, with the keys of a metastore and of a user who has a ticket."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devservers.net import is_listening
from devservers.ports import free_ports

REALM = "HOTSWAP.TEST"
SERVER, USER = "hive/localhost", "olga"
PROGRAMS = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit")
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
_CLIENT = """\
[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  localhost = {realm}
"""
_SERVER = """\
[kdcdefaults]
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {realm} = {{
    database_name = {folder}/principal
    key_stash_file = {folder}/stash
    acl_file = {folder}/acl
  }}
[dbmodules]
  db_module_dir = {modules}
"""


def missing() -> tuple[str, ...]:
    """The programs that are not on this machine: Debian's krb5-kdc, krb5-admin-server and krb5-user bring them."""
    return tuple(name for name in PROGRAMS if shutil.which(name, path=_PATH) is None)


@dataclass(frozen=True)
class Kdc:
    """`environment`: what a process needs to be `USER`, whose ticket is in it."""

    folder: Path
    port: int

    @property
    def conf(self) -> Path:
        return self.folder / "krb5.conf"

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "KRB5_CONFIG": str(self.conf),
            "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"),
            "KRB5CCNAME": f"FILE:{self.folder}/ticket",
        }

    def keytab(self, principal: str) -> Path:
        return self.folder / f"{principal.replace('/', '-')}.keytab"

    def run(self, program: str, *arguments: object) -> None:
        subprocess.run([found(program), *map(str, arguments)], env={**os.environ, **self.environment}, check=True)

    def make(self) -> None:
        told = {"realm": REALM, "port": self.port, "folder": self.folder, "modules": _modules()}
        self.conf.write_text(_CLIENT.format(**told))
        (self.folder / "kdc.conf").write_text(_SERVER.format(**told))
        self.run("kdb5_util", "create", "-s", "-P", "of the tests", "-r", REALM)
        for principal in (SERVER, USER):
            self.run("kadmin.local", "-q", f"addprinc -randkey {principal}")
            self.run("kadmin.local", "-q", f"ktadd -k {self.keytab(principal)} {principal}")


def found(program: str) -> str:
    path = shutil.which(program, path=_PATH)
    assert path is not None
    return path


def _modules() -> Path:
    """Where the KDC's data base is: beside it, also where a package was only unpacked."""
    prefix = Path(found("krb5kdc")).resolve().parents[1]
    return next(iter(prefix.glob("lib/**/krb5/plugins/kdb")), prefix)


@contextmanager
def kdc(folder: Path) -> Iterator[Kdc]:
    """A running KDC; the user's ticket is there."""
    made = Kdc(folder, free_ports(1)[0])
    made.make()
    command = [found("krb5kdc"), "-n", "-P", str(folder / "pid")]
    process = subprocess.Popen(command, env={**os.environ, **made.environment})
    try:
        while not is_listening(made.port):
            assert process.poll() is None, "the KDC has ended"
            time.sleep(0.05)
        made.run("kinit", "-k", "-t", made.keytab(USER), USER)
        yield made
    finally:
        process.kill()
        process.wait()
