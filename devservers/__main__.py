"""python -m devservers fetch | up | lock"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

from devservers import fetch, lockfile, metastore_schema, paths, progress, tethered
from devservers.errors import DevServerError
from devservers.hbase import HBase
from devservers.hbase_conf import Ports
from devservers.interrupts import apart, raise_on_signals
from devservers.jvm import kill_all
from devservers.metastore import Metastore23
from devservers.ports import remembered_ports
from devservers.server import Server


def main(arguments: list[str]) -> int:
    """Exit codes: 0 done, 1 failed (said in one message), 130 interrupted."""
    chosen = _parser().parse_args(arguments)
    raise_on_signals()
    try:
        chosen.run(chosen)
    except DevServerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m devservers", description="Real servers to develop against.")
    verbs = parser.add_subparsers(required=True)
    fetch_verb = verbs.add_parser("fetch", help="fetch what the servers need into the cache")
    fetch_verb.set_defaults(run=_fetch)
    up = verbs.add_parser("up", help="start HBase and a metastore on 127.0.0.1, and keep them until Ctrl-C")
    up.add_argument("--data", type=Path, default=paths.cache_folder() / "up", help="where their data lies and stays")
    up.set_defaults(run=_up)
    lock_verb = verbs.add_parser("lock", help="renew the checksums of lock files from the repository")
    lock_verb.set_defaults(run=_lock)
    for verb in (fetch_verb, lock_verb):
        verb.add_argument(
            "groups", nargs="*", metavar="GROUP", help=f"of {', '.join(paths.groups())}; default: {paths.FIRST_GROUP}"
        )
    return parser


def _fetch(chosen: argparse.Namespace) -> None:
    for group in chosen.groups or [paths.FIRST_GROUP]:
        _fetch_group(group)


def _fetch_group(group: str) -> None:
    fetcher = fetch.default_fetcher(progress.for_stderr(), group=group)
    fetched = fetcher.run()
    if group == paths.FIRST_GROUP:
        metastore_schema.template()
    print(f"{len(fetched)} files fetched, {len(fetcher.artifacts)} ready in {fetcher.folder}")


def _lock(chosen: argparse.Namespace) -> None:
    for group in chosen.groups or [paths.FIRST_GROUP]:
        renewed = fetch.default_fetcher(progress.for_stderr(), group=group).relocked()
        file = paths.lock_file(group)
        file.write_text(lockfile.rewritten(file.read_text(), renewed))
        print(f"{file} holds {len(renewed)} artifacts")


def _up(chosen: argparse.Namespace) -> None:
    _fetch_group(paths.FIRST_GROUP)
    print("starting HBase and the metastore, 5 to 10 s …", flush=True)
    hbase, metastore = apart(lambda: _start(chosen.data), tethered.end_all)
    with hbase, metastore:
        print(_how_to_use(hbase, metastore), flush=True)
        _watch(hbase, metastore)


def _start(data: Path) -> tuple[HBase, Metastore23]:
    metastore_port, *hbase_ports = remembered_ports(data / "ports", 1 + len(fields(Ports)))
    with ThreadPoolExecutor() as pool:
        try:
            starting = pool.submit(HBase.start, data / "hbase", Ports(*hbase_ports))
            metastore = Metastore23.start(data / "metastore", metastore_port)
            return starting.result(), metastore
        except BaseException:
            kill_all()  # or the pool waits for a start that nobody wants any more
            raise


def _how_to_use(hbase: HBase, metastore: Metastore23) -> str:
    return f"""
HBase (Thrift2)  {hbase.thrift}   log {hbase.log}
Hive metastore   {metastore.uri}   log {metastore.log}
warehouse        {metastore.warehouse}

in hotswap's configuration:
    metastore: {{uris: ["{metastore.uri}"]}}
    hbase: {{thrift: "{hbase.thrift}"}}
to run the tests on them:
    HOTSWAP_TEST_HMS={metastore.uri} HOTSWAP_TEST_HBASE={hbase.thrift} make test

Ctrl-C stops both; their data stays in {metastore.base.parent}."""


def _watch(*servers: Server) -> None:
    while True:
        for server in servers:
            server.check()
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
