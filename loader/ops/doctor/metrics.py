"""Who answers Prometheus where this table's loader is to."""

import re
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException

from loader.ops.doctor.subject import Patient, note, to_do
from loader.report.findings import Finding

WAIT_S = 3.0
MOST_BYTES = 4 << 20
OURS = re.compile(r"^# HELP hotswap_", re.MULTILINE)
TABLE = re.compile(r'^hotswap_live_batch\{table="([^"]+)"\}', re.MULTILINE)
OWN_PORT = "Give each loader a port of its own, by a configuration file of its own, or by `listen: ${HOTSWAP_METRICS}`."
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked for, not listened on


def metrics(patient: Patient) -> Iterator[Finding]:
    """A loader that cannot have its port loads all the same, so that nothing but this and its log would tell."""
    listen = patient.settings.metrics.listen
    if listen is None:
        return
    table = str(patient.table.hive_table)
    answer = _answer(listen)
    if answer is None:
        yield from _nobody(patient, listen)
    elif not OURS.search(answer):
        yield to_do("metrics", listen, "something that is not hotswap listens there", OWN_PORT)
    elif table in TABLE.findall(answer):
        patient.fact("metrics", f"answered on {listen}")
    elif others := ", ".join(sorted(set(TABLE.findall(answer)))):
        yield to_do("metrics", listen, f"the loader of {others} listens there, so that of {table} cannot", OWN_PORT)


def _nobody(patient: Patient, listen: str) -> Iterator[Finding]:
    problem = _cannot_listen(listen)
    tables = sorted(patient.settings.tables)
    if problem is not None:
        do = "Choose another port, or an address of this machine."
        yield to_do("metrics", listen, f"nobody can listen there: {problem}", do)
    elif len(tables) > 1:
        what = f"the loaders of {', '.join(tables)} share it: only the first that starts will answer"
        yield note("metrics", listen, what, OWN_PORT)


def _answer(listen: str) -> str | None:
    """What is told there; None: nobody listens. What listens and tells nothing has told the empty text."""
    host, port = _parts(listen)
    host = EVERYWHERE.get(host, host)
    try:
        with closing(socket.create_connection((host, port), WAIT_S)):
            pass
    except OSError:
        return None
    try:
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"
        with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
            return str(answer.read(MOST_BYTES).decode("utf-8", "replace"))
    except (OSError, HTTPException):
        return ""


def _cannot_listen(listen: str) -> str | None:
    host, port = _parts(listen)
    try:
        family, kind, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        with closing(socket.socket(family, kind)) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return None


def _parts(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)
