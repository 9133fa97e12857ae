"""Every kind of trouble has its exit code, a line and a hint; with --json an object."""

import errno
import json
import re
from pathlib import Path

import pytest

from loader.basics import errors
from metastore import errors as metastore
from partitioner.errors import DriftError
from partitioner.values import Bucket
from tests.cli.stage import Closed, Stage, hotswap

DRIFT = DriftError(("mon",), Bucket(0, 1), "keys are missing", (b"a",), 1)
TROUBLE = [
    (errors.HotswapError("x"), 1),
    (errors.ConfigError("x"), 2),
    (errors.Locked("x"), 3),
    (errors.OutcomeUnknown("x"), 4),
    (errors.Damage("x"), 5),
    (metastore.Unreachable("x"), 1),
    (metastore.NoReply("x"), 1),
    (metastore.NoSuchTable("x"), 2),
    (metastore.NotAMetastore("x"), 2),
    (metastore.NoSuchPartition("x"), 3),
    (metastore.AlreadyExists("x"), 3),
    (metastore.NoSuchLock("x"), 3),
    (metastore.Refused("x"), 1),
    (metastore.TooLarge("x"), 1),
    (DRIFT, 5),
    (OSError(errno.ENOSPC, "No space left on device", "/data/x"), 1),
    (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), 1),
    (KeyError("x"), 1),
    (KeyboardInterrupt(), 130),
]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.parametrize(("error", "code"), TROUBLE, ids=lambda value: type(value).__name__)
def test_trouble_has_its_exit_code(stage: Stage, error: BaseException, code: int) -> None:
    stage.raises = error
    done = hotswap(stage, "status")
    discard_traceback(done.err)
    assert done.code == code


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (metastore.Unreachable("x"), errors.Unavailable),
        (metastore.NoSuchPartition("x"), errors.ForeignChange),
        (metastore.AlreadyExists("x"), errors.ForeignChange),
        (metastore.NoSuchLock("x"), errors.Locked),
        (DRIFT, errors.IndexDrift),
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), errors.StorageError),
        (PermissionError(errno.EACCES, "Permission denied", "/data/x"), errors.StorageError),
        (TimeoutError("timed out"), errors.Unavailable),
        (ConnectionResetError(errno.ECONNRESET, "reset"), errors.Unavailable),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_foreign_exception_becomes_one_of_ours(error: Exception, kind: type[errors.HotswapError]) -> None:
    assert type(errors.from_foreign(error)) is kind


def test_an_exception_that_nobody_foresaw_is_not_taken_for_one_of_ours() -> None:
    assert errors.from_foreign(KeyError("x")) is None


def test_the_hint_that_an_exception_carries_is_kept(stage: Stage) -> None:
    stage.raises = metastore.Unreachable("thrift://a:1 does not answer", "Start it.")
    assert hotswap(stage, "status").err == "error: thrift://a:1 does not answer\nhint: Start it.\n"


def test_a_full_disk_is_named_with_its_path_and_what_to_do(stage: Stage) -> None:
    stage.raises = OSError(errno.ENOSPC, "No space left on device", "/data/x")
    assert hotswap(stage, "status").err.startswith("error: /data/x: No space left on device\nhint: The disk is full")


def test_an_error_in_json_is_an_object_on_standard_error(stage: Stage) -> None:
    stage.raises = errors.Locked("held by x", "wait")
    done = hotswap(stage, "status", "--json")
    told = {"error": {"kind": "Locked", "message": "held by x", "hint": "wait", "exit_code": 3}}
    assert (done.out, json.loads(done.err)) == ("", told)


def test_a_bug_is_one_line_and_its_traceback_lies_in_a_file(stage: Stage) -> None:
    stage.raises = KeyError("surprise")
    done = hotswap(stage, "status")
    assert len(done.err.splitlines()) == 2
    assert "KeyError: 'surprise'" in discard_traceback(done.err)


def test_debug_shows_the_traceback(stage: Stage) -> None:
    stage.raises = errors.Locked("held by x")
    assert "Traceback" in hotswap(stage, "status", "--debug").err


@pytest.mark.parametrize(
    "arguments", [("bogus",), ("status", "--bogus"), ("rollback",), ("status", "a", "b"), ("history", "-n", "0")]
)
def test_wrong_usage_exits_with_2_and_points_to_help(stage: Stage, arguments: tuple[str, ...]) -> None:
    done = hotswap(stage, *arguments)
    assert (done.code, "--help" in done.err) == (2, True)


def test_wrong_usage_in_json_is_an_object(stage: Stage) -> None:
    done = hotswap(stage, "status", "--bogus", "--json")
    assert json.loads(done.err)["error"]["exit_code"] == 2


def test_a_mistake_in_the_configuration_is_told_with_its_line(stage: Stage) -> None:
    stage.config.write_text(stage.config.read_text().replace("hbase_table", "hbase_tabel"))
    done = hotswap(stage, "status")
    assert (done.code, f"{stage.config}:5: tables.ads.clicks.hbase_tabel: unknown key" in done.err) == (2, True)


def test_a_reader_that_has_gone_ends_the_command_quietly(stage: Stage) -> None:
    done = hotswap(stage, "status", stdout=Closed())
    assert (done.code, done.err) == (141, "")


def discard_traceback(err: str) -> str:
    """The traceback's text, if the message names a file with one; the file is removed."""
    found = re.search(r"The traceback is in (\S+);", err)
    if not found:
        return ""
    path = Path(found[1])
    text = path.read_text()
    path.unlink()
    return text
