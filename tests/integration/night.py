"""A table through a bad night: somebody types commands, and each output names the next right one."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devservers.metastore import Metastore23
from loader.sources.hbase.access.api import Scan
from tests.contract.proxy import Proxy, Trick
from tests.integration.clicks import Clicks, Result, hotswap
from tests.world import Row

SWAP = "alter_partitions_with_environment_context"
VERBS = "run|status|history|show|diff|rollback|resume|recover|clean|verify|doctor|analyze"
LARGE = 8000
"""Rows whose batch does not fit into what is left."""
NAMED = re.compile(rf"hotswap ((?:{VERBS})(?: (?:--)?[\w.-]+)*)")


@dataclass
class Night:
    """`line` is another way to the metastore, for what goes wrong. `told` is what the last command printed."""

    clicks: Clicks
    line: Proxy
    hms: Metastore23
    told: Result = field(default_factory=lambda: Result(0, "", ""))
    transcript: list[str] = field(default_factory=list)

    @property
    def table(self) -> str:
        return self.clicks.kept.hive_name

    def type(self, line: str, code: int = 0) -> Result:
        """A command as a person types it. It must end with that exit code."""
        verb, *rest = shlex.split(line)
        self.told = hotswap(self.clicks.kept, verb, *rest)
        self.transcript.append(f"$ hotswap {line}\n{self.told.out}{self.told.err}[{self.told.code}]")
        assert self.told.code == code, "\n".join(self.transcript)
        return self.told

    def named(self) -> list[str]:
        """The commands that the last output names."""
        return [found[1] for found in NAMED.finditer(self.told.out + self.told.err)]

    def follow(self, verb: str, more: str = "", code: int = 0) -> Result:
        """Type the command of this verb that the last output names, with its table and what a person adds."""
        named = [line for line in self.named() if line.split()[0] == verb]
        assert named, f"{verb} is not named as a next step:\n" + "\n".join(self.transcript[-1:])
        _, *given = named[0].split()
        options = [word for word in given if word.startswith("--")]
        return self.type(" ".join([verb, self.table, *options, more]).strip(), code)

    def says(self, *texts: str) -> None:
        """The last output has these in it."""
        said = self.told.out + self.told.err
        assert [text for text in texts if text not in said] == [], "\n".join(self.transcript[-2:])

    def history(self) -> list[dict[str, Any]]:
        """The attempts, newest first, as `history --json` tells them."""
        attempts: list[dict[str, Any]] = json.loads(self.type(f"history {self.table} --json").out)["attempts"]
        return attempts

    def equal(self) -> bool:
        """Whether the Hive table is what HBase says now."""
        return self.clicks.rows() == self.hbase()

    def hbase(self) -> dict[str, Row]:
        found = {}
        with self.clicks.client() as client:
            for rows in client.scan(self.clicks.kept.table.hbase_table, Scan(caching=1000)):
                for row in rows:
                    cells = {bytes(cell.qualifier): bytes(cell.value) for cell in row.columnValues}
                    found[row.row.decode()] = (cells[b"day"].decode(), int.from_bytes(cells[b"clicks"], "big"))
        return found

    # What goes wrong

    def kill_a_loader_in_its_swap(self) -> None:
        """Its call is on the way when it dies; the server gets it when `line.land` is called."""
        config = self.clicks.kept.config.with_suffix(".line.yaml")
        config.write_text(self.clicks.kept.config.read_text().replace(self.hms.uri, self.line.uri))
        command = [sys.executable, "-m", "loader.cli.main", "run", "--once", "--config", str(config)]
        loader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.line.play(Trick.LATE_REQUEST, SWAP)
        self.line.before(SWAP, lambda: loader.send_signal(signal.SIGKILL))
        out, _ = loader.communicate(timeout=120)
        assert loader.returncode == -signal.SIGKILL, out

    def edit(self, **settings: str) -> None:
        """The table's settings in the configuration, as an editor changes them."""
        config = self.clicks.kept.config
        kept = [line for line in config.read_text().splitlines() if line.strip().partition(":")[0] not in settings]
        config.write_text("\n".join([*kept, *(f"    {name}: {value}" for name, value in settings.items())]) + "\n")


@dataclass
class SqlShell:
    """Somebody's Spark, in a process of its own, on a metastore's line."""

    uri: str
    folder: Path

    def __post_init__(self) -> None:
        script = (
            "import sys\nfrom pathlib import Path\nfrom devservers.spark import session\n"
            "spark = session(sys.argv[1], Path(sys.argv[2]) / 'warehouse', Path(sys.argv[2]))\n"
            "print('ready', flush=True)\n"
            "for line in sys.stdin:\n    spark.sql(line.strip()).collect()\n    print('done', flush=True)\n"
        )
        command = [sys.executable, "-c", script, self.uri, str(self.folder)]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = (self.folder / "spark.log").open("w")
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, cwd=root
        )
        self._expect("ready")

    def sql(self, statement: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        self._expect("done")

    def _expect(self, word: str) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.strip() == word:
                return
        raise AssertionError((self.folder / "spark.log").read_text()[-3000:])

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(60)
        self.log.close()


# The night's hours. Each begins and ends with a table that is equal to HBase.


def the_loader_dies_in_its_swap(night: Night) -> None:
    """Its lock stays until it runs out, its call arrives an hour later."""
    night.clicks.put(("a", "tue", 10), ("n1", "wed", 1))
    night.kill_a_loader_in_its_swap()
    night.type("status --check --max-lag 1ms", 6)
    night.says("is `hotswap run` up?", "not settled    b00")
    night.follow("run", "--once")
    assert night.equal()
    before = night.clicks.locations()
    night.line.land()
    assert night.clicks.locations() == before
    assert [item["outcome"] for item in night.history()[:2]] == ["committed", "aborted"]
    night.type(f"verify {night.table} --deep")


def the_metastore_is_down_for_a_while(night: Night) -> None:
    night.clicks.put(("m1", "mon", 5))
    night.hms.kill()
    night.type("status --check", 1)
    night.type(f"run {night.table} --once", 1)
    night.says("no metastore at", "Check metastore.uris, and that the metastore runs")
    night.type(f"doctor {night.table}", 6)
    night.says("metastore · thrift://", "no metastore at")
    night.hms.restart()
    night.type(f"run {night.table} --once")
    assert night.equal()


def somebody_runs_analyze(night: Night, shell: SqlShell) -> None:
    """It reads a partition, a batch is published, it counts other rows than it expected, and writes back what it read.

    Had the batch come later, Spark would have found the statistics as they are, and written nothing. Over all
    partitions it would fail: among them was the fence of a run that is over.
    """
    night.clicks.put(("a", "mon", 11), ("n2", "tue", 2))
    for call in ("get_partitions_by_filter", "get_partitions_by_expr"):  # of the query that counts
        night.line.before(call, lambda: _publish(night))
    shell.sql(f"ANALYZE TABLE {night.table} PARTITION (day='mon') COMPUTE STATISTICS")
    assert not night.equal(), f"the write-back has undone nothing: {night.line.seen[-40:]}"
    night.type(f"verify {night.table}", 6)
    night.says("a stale write (ANALYZE, ADD COLUMNS CASCADE) has put it back")
    night.follow("recover")
    night.says("that a stale write had put back")
    night.type(f"verify {night.table} --deep")
    assert night.equal()


def _publish(night: Night) -> None:
    if not night.equal():
        night.type(f"run {night.table} --once")


def somebody_inserts(night: Night, shell: SqlShell) -> None:
    shell.sql(f"INSERT INTO {night.table} PARTITION (day='mon') VALUES ('theirs', 7)")
    night.clicks.put(("n3", "mon", 3))
    night.type(f"run {night.table} --once", 3)
    night.says("were changed by somebody else", "Nothing was overwritten")
    night.follow("verify", code=6)
    moves = re.findall(r"→ Move it away: mv (\S+) elsewhere", night.told.out)
    assert moves
    for path in moves:
        shutil.move(path, night.clicks.kept.config.parent)
    night.type(f"run {night.table} --once")
    night.type(f"verify {night.table} --deep")
    assert night.equal()


def a_deployment_writes_wrong_rows(night: Night, junk: int = 1200) -> None:
    """Three batches of wrong clicks, moved rows and rows that should not be; then it is put right in HBase."""
    right = night.hbase()
    good = night.history()[0]["batch"]
    for number in range(3):
        moved = [(key, "thu", clicks * 1000) for key, (_, clicks) in right.items()]
        night.clicks.put(*moved, *((f"junk{number}-{n}", "mon", n) for n in range(junk)))
        night.type(f"run {night.table} --once")
    night.type("status --check", 6)
    night.says("usually")
    night.follow("history")
    night.type(f"diff {night.table} {good} {night.history()[0]['batch']}")
    night.says("day=thu")
    night.type(f"rollback {night.table} --to {good}", 3)
    night.says("takes back", "Add --yes to do what is shown above")
    night.type(f"rollback {night.table} --to {good} --yes")
    assert night.clicks.rows() == right
    night.type("status --check", 6)
    night.says("held by rollback")
    night.type(f"run {night.table} --once", 3)
    put_right(night, right, [f"junk{number}-{n}" for number in range(3) for n in range(junk)])
    night.follow("resume", "--yes")
    night.type(f"run {night.table} --once")
    night.type(f"verify {night.table} --deep")
    assert night.equal()
    assert night.clicks.rows() == right


def put_right(night: Night, right: dict[str, Row], junk: Sequence[str]) -> None:
    """What the deployment's owners do in HBase."""
    night.clicks.delete(*junk)
    night.clicks.put(*((key, day, clicks) for key, (day, clicks) in right.items()))


def the_disk_is_nearly_full(night: Night, ballast: Path, free: int) -> None:
    """`free` bytes are left."""
    ballast.write_bytes(bytes(shutil.disk_usage(ballast.parent).free - free))
    night.type("status --check", 6)
    night.says("are free where the table lies")
    night.clicks.put(*((f"large{number}", "fri", number) for number in range(LARGE)))
    night.type(f"run {night.table} --once", 1)
    night.says("No space left on device", str(ballast.parent))
    night.follow("clean")
    if "0 directories" in night.told.out:  # nothing is past its grace: as the hint says, shorten history and grace
        night.edit(history="[{within: 1s, every: 0s}]", reader_grace="{time: 1s, force: true}")
        time.sleep(1.1)
        night.type(f"clean {night.table}")
    night.says("--yes deletes")
    night.type(f"clean {night.table} --yes")
    night.says("deleted")
    ballast.unlink()  # as much again is made free by somebody
    night.type(f"run {night.table} --once")
    night.type(f"verify {night.table} --deep")
    assert night.equal()


def the_morning_after(night: Night) -> None:
    """Nothing is left to do."""
    night.type(f"verify {night.table} --deep")
    night.type(f"doctor {night.table}")
    night.type("status --check --max-lag 1h")
    assert night.equal()
