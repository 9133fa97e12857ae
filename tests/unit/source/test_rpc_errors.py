"""What HBase throws, and whom we are talking to: told in words, tried again with patience, or not at all."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from loader.basics.errors import ConfigError, HotswapError
from loader.sources.hbase.access import protobuf
from loader.sources.hbase.access.api import Patience, Scan
from loader.sources.hbase.access.errors import (
    ConnectionLost,
    NoSuchFamily,
    NoSuchTable,
    Refused,
    TableDisabled,
    WrongServer,
)
from loader.sources.hbase.access.where import SERVERS, THRIFT, ZOOKEEPER, Where, server_of
from loader.sources.hbase.blind_spots import look_at
from loader.sources.hbase.connect import connector
from loader.sources.hbase.rpc.client import RpcClient
from loader.sources.hbase.rpc.cluster import Cluster
from loader.sources.hbase.rpc.registry import ServersRegistry, ZooKeeperRegistry, named_in_znode
from loader.sources.hbase.rpc.remote import Thrown, TryAgain
from loader.sources.hbase.rpc.retry import Retry
from loader.sources.hbase.rpc.site import where_of_site
from tests.fake_hbase import TABLE, Answer, FakeHBase, FakeRegion, Fault, Reply, Throws, served


def client_of(port: int, tries: int = 1, timeout_s: float = 5.0) -> RpcClient:
    registry = ServersRegistry([("127.0.0.1", port)], "me", timeout_s)
    return RpcClient(Cluster(registry, "me", timeout_s), Patience(60, tries), sleep=lambda _: None)


def throws(name: str, **options: object) -> Fault:
    def fault(request: protobuf.Fields, answer: Answer) -> Reply:
        raise Throws(name, **options)  # type: ignore[arg-type]

    return fault


ROW = {b"k": [(b"d", b"q", b"v", 1, 4)]}


def keys(client: RpcClient) -> list[bytes]:
    return [row.row for rows in client.scan(TABLE, Scan()) for row in rows]


# What HBase throws


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("number of requests exceeded - wait 20ms", 0.02),
        ("read size limit exceeded - wait 1sec, 500ms", 1.5),
        ("number of requests exceeded - wait 1mins, 2sec, 3ms", 62.003),
        ("number of requests exceeded - wait 1hrs, 1mins, 0sec, 0ms", 3660.0),
        ("what nobody has seen", 0.0),
    ],
)
def test_the_wait_that_a_quota_asks_for_is_read(text: str, seconds: float) -> None:
    error = Thrown("org.apache.hadoop.hbase.quotas.RpcThrottlingException", text, do_not_retry=True).error(
        "x:1", "Scan"
    )
    assert isinstance(error, TryAgain)
    assert error.wait_s == pytest.approx(seconds)


def pauses(error: HotswapError, chance: float = 1.0) -> list[float]:
    slept: list[float] = []
    retry = Retry(Patience(600, 7, 5.0), slept.append, lambda: sum(slept), lambda: chance)
    with suppress(HotswapError):
        while True:
            retry.pause(error)
    return slept


def test_pauses_grow_up_to_the_longest_and_end_with_the_tries() -> None:
    assert pauses(ConnectionLost("x")) == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6])
    assert pauses(ConnectionLost("x"), chance=0.0) == pytest.approx([0.025, 0.05, 0.1, 0.2, 0.4, 0.8])


def test_an_overloaded_server_is_left_alone_for_longer() -> None:
    assert min(pauses(TryAgain("x", overloaded=True))) == pytest.approx(0.5)


def test_a_throttled_call_waits_at_least_as_long_as_it_is_told_to() -> None:
    assert min(pauses(TryAgain("x", wait_s=12.0), chance=0.0)) >= 12.0


def test_patience_is_not_begun_if_the_wait_is_longer_than_it() -> None:
    assert pauses(TryAgain("x", wait_s=700.0)) == []


def test_progress_begins_patience_anew() -> None:
    retry = Retry(Patience(600, 2), lambda _: None)
    for _ in range(5):
        retry.pause(ConnectionLost("x"))
        retry.progress()
    retry.pause(ConnectionLost("x"))
    with pytest.raises(ConnectionLost):
        retry.pause(ConnectionLost("x"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("regionserver.NoSuchColumnFamilyException", NoSuchFamily),
        ("TableNotFoundException", NoSuchTable),
        ("security.AccessDeniedException", Refused),
        ("DoNotRetryIOException", Refused),
    ],
)
def test_what_stays_is_raised_at_once(name: str, kind: type[HotswapError]) -> None:
    with served(FakeHBase(dict(ROW))) as hbase:
        hbase.fail("Scan", *[throws(name, do_not_retry=True)] * 3)
        with pytest.raises(kind):
            keys(client_of(hbase.port, tries=9))
        assert hbase.calls.count("Scan") == 1


def test_a_secured_hbase_is_told_of_by_what_it_wants() -> None:
    """It answers a call that nobody made, since it does not listen to any."""
    denied = throws("security.AccessDeniedException", text="Authentication is required", call=0xFFFFFFFF)
    with served(FakeHBase(dict(ROW))) as hbase:
        hbase.fail("GetMetaRegionLocations", denied)
        with pytest.raises(WrongServer, match="wants Kerberos, which is not supported yet") as caught:
            keys(client_of(hbase.port))
    assert "thrift" in caught.value.hint


def test_a_region_server_too_old_to_be_asked_says_whom_to_ask() -> None:
    with served(FakeHBase(dict(ROW))) as hbase:
        hbase.fail("GetMetaRegionLocations", throws("ipc.UnknownServiceException", do_not_retry=True))
        with pytest.raises(Refused, match="too old") as caught:
            keys(client_of(hbase.port))
    assert "masters" in caught.value.hint


def test_tables_that_are_not_there_or_disabled_are_told_of() -> None:
    with served(FakeHBase(dict(ROW))) as hbase:
        client = client_of(hbase.port)
        client.check_table(TABLE, [b"d"])
        with pytest.raises(NoSuchFamily, match="'zz'"):
            client.check_table(TABLE, [b"zz"])
        hbase.state = 1
        with pytest.raises(TableDisabled):
            client.check_table(TABLE, [b"d"])
        hbase.state, hbase.regions = None, []
        with pytest.raises(NoSuchTable):
            client.check_table(TABLE, [b"d"])


def test_without_the_right_to_know_families_they_are_not_checked() -> None:
    with served(FakeHBase(dict(ROW))) as hbase:
        hbase.fail("GetTableDescriptors", throws("security.AccessDeniedException", do_not_retry=True))
        client_of(hbase.port).check_table(TABLE, [b"zz"])


# Servers that go


def test_a_region_that_moved_is_asked_where_the_server_says_it_is() -> None:
    with served(FakeHBase(dict(ROW))) as new, served(FakeHBase({}, state=0)) as old:
        old.fail("Scan", throws("RegionMovedException", moved_to=("127.0.0.1", new.port)))
        assert keys(client_of(old.port, tries=3)) == [b"k"]


def test_after_a_failure_the_registry_is_asked_for_the_master_anew_and_else_once() -> None:
    with served(FakeHBase(dict(ROW))) as hbase:
        client = client_of(hbase.port, tries=3)
        for _ in range(3):
            client.check_table(TABLE, [b"d"])
        assert (hbase.calls.count("GetActiveMaster"), hbase.calls.count("GetMetaRegionLocations")) == (1, 1)
        hbase.fail("GetTableDescriptors", throws("ipc.ServerNotRunningYetException"))
        client.check_table(TABLE, [b"d"])
        assert hbase.calls.count("GetActiveMaster") == 2


def test_without_the_right_to_know_families_an_absence_is_judged_as_if_no_marker_were_kept() -> None:
    denied = throws("security.AccessDeniedException", do_not_retry=True)
    with served(FakeHBase(dict(ROW))) as hbase:
        hbase.fail("GetTableDescriptors", denied, denied)
        _, retention = look_at(lambda: client_of(hbase.port), TABLE, [b"d"])()
        assert retention.absence_ms == 0


def test_a_connection_that_the_server_closed_while_it_was_idle_is_no_failure() -> None:
    with served(FakeHBase(dict(ROW))) as hbase:
        client = client_of(hbase.port)
        assert keys(client) == [b"k"]
    hbase_again = FakeHBase(dict(ROW), port=hbase.port)
    with served(hbase_again):
        assert keys(client) == [b"k"]


def test_a_late_answer_closes_the_connection_and_is_nobody_elses() -> None:
    late = threading.Event()

    def slow(request: protobuf.Fields, answer: Answer) -> Reply:
        late.wait(0.6)
        return answer(request)

    with served(FakeHBase({b"%d" % number: ROW[b"k"] for number in range(9)})) as hbase:
        hbase.fail("Scan", slow)
        client = client_of(hbase.port, tries=3, timeout_s=0.3)
        assert keys(client) == [b"%d" % number for number in range(9)]


def test_a_forked_process_uses_no_connection_of_its_parents() -> None:
    with served(FakeHBase(dict(ROW))) as hbase:
        client = client_of(hbase.port)
        assert keys(client) == [b"k"]
        scan = client.scan(TABLE, Scan())
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                os._exit(0 if keys(client) == [b"k"] else 1)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert [row.row for rows in scan for row in rows] == [b"k"]


def test_threads_share_what_is_known_of_regions_and_ask_for_it_once() -> None:
    regions = [FakeRegion(b"", b"k"), FakeRegion(b"k", b"")]
    with served(FakeHBase(dict(ROW), regions)) as hbase:
        client = client_of(hbase.port)
        threads = [threading.Thread(target=keys, args=(client,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert hbase.calls.count("GetMetaRegionLocations") == 1


# Who is no server of HBase's


@contextmanager
def says(first: bytes, unasked: bool = False) -> Iterator[int]:
    """A server that answers anything with these bytes; without any it hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                asked, _ = listener.accept()
                with asked:
                    if asked.recv(4096) or unasked:
                        asked.sendall(first)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP"),
        (b"\x15\x03\x03\0\2\2\x32", "wants TLS"),
        (b"\x80\1\0\2\0\0\0\4", "speaks Thrift"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "first bytes are b'SSH-'"),
    ],
)
def test_who_is_no_server_of_hbases_is_told_by_its_first_bytes(first: bytes, told: str) -> None:
    with says(first) as port, pytest.raises(WrongServer, match=told) as caught:
        keys(client_of(port))
    assert "16020" in caught.value.hint


def test_who_hangs_up_is_a_lost_connection() -> None:
    with says(b"") as port, pytest.raises(ConnectionLost, match="broke in"):
        keys(client_of(port))


def test_nobody_there_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionLost, match="cannot be reached"):
        keys(client_of(1))


# Where HBase is


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("rs1:16021", ("rs1", 16021)),
        ("rs1", ("rs1", 16020)),
        ("[::1]:16021", ("::1", 16021)),
        ("[fe80::1]", ("fe80::1", 16020)),
    ],
)
def test_addresses_are_read(text: str, server: tuple[str, int]) -> None:
    assert server_of(text, 16020) == server


@pytest.mark.parametrize("text", ["", ":1", "host:port", "host:70000"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        server_of(text, 16020)


def test_a_znode_names_its_server() -> None:
    name = b"\x0a\x05host1\x10\x94\x7d\x18\x05"
    assert named_in_znode(b"\xff\0\0\0\x04id--PBUF\x0a" + bytes([len(name)]) + name) == ("host1", 16020)


def test_a_zookeeper_that_is_none_is_told_of() -> None:
    with says(b"HTTP/1.1 400") as port, pytest.raises(ConnectionLost, match="cannot be asked"):
        ZooKeeperRegistry([("127.0.0.1", port)]).meta_server()


SITE = "<configuration>{}</configuration>"


def site(tmp_path: os.PathLike[str], **properties: str) -> str:
    path = os.path.join(tmp_path, "hbase-site.xml")
    each = (
        f"<property><name>{name.replace('_', '.')}</name><value>{value}</value></property>"
        for name, value in properties.items()
    )
    with open(path, "w") as file:
        file.write(SITE.format("".join(each)))
    return path


def test_an_hbase_site_names_servers_masters_or_zookeeper(tmp_path: os.PathLike[str]) -> None:
    found = where_of_site(site(tmp_path, hbase_zookeeper_quorum="zk1, zk2:2182", zookeeper_znode_parent="/h"), 9.0, "u")
    assert found == Where(ZOOKEEPER, ("zk1:2181", "zk2:2182"), 9.0, "u", "/h")
    assert where_of_site(site(tmp_path, hbase_masters="m1,m2:16001"), 9.0, "").hosts == ("m1:16000", "m2:16001")
    both = site(tmp_path, hbase_client_bootstrap_servers="rs1:16020", hbase_zookeeper_quorum="zk1")
    assert where_of_site(both, 9.0, "") == Where(SERVERS, ("rs1:16020",), 9.0)


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"hbase_security_authentication": "kerberos"}, "wants Kerberos, which is not supported yet"),
        ({"hbase_client_netty_tls_enabled": "true"}, "wants TLS"),
        ({}, "names no server"),
    ],
)
def test_an_hbase_site_that_does_not_help_is_told_of(
    tmp_path: os.PathLike[str], properties: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        where_of_site(site(tmp_path, **properties), 9.0, "")


def test_where_survives_sparks_options_and_clients_share_a_cluster() -> None:
    where = Where(SERVERS, ("a:1", "b:2"), 3.0, "me")
    assert Where.of_text(where.text()) == where
    one, other = connector(where)(), connector(where)()
    assert isinstance(one, RpcClient)
    assert one.address == other.address == "a:1, b:2"
    assert connector(Where(THRIFT, ("a:1",)))().address == "a:1"
