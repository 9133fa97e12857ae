"""Workload M by everybody: each in a process of its own, each result compared with the truth before a time counts."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench.own_spark import CannotRun, jars_of, python_of
from bench.peers.job import Job
from bench.truth import Wrong, check
from bench.workload import Batch, Workload
from devservers.errors import DevServerError

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 3600
FAILURES = (CannotRun, DevServerError, Wrong, duckdb.Error, pa.ArrowException, OSError, LookupError, ValueError)
"""Of one contestant or in what it left; the others go on."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """`module` below bench.peers. `pyspark`: it needs a Spark of its own, with the jars of `groups`."""

    name: str
    module: str
    pyspark: str | None = None
    groups: tuple[str, ...] = ()
    small: bool = False  # its batches are small ones


CONTESTANTS = (
    Contestant("hotswap", "with_hotswap"),
    Contestant("hotswap_int64", "with_hotswap_int64"),
    Contestant("hotswap_spark", "with_hotswap_spark"),
    Contestant("hotswap_small", "with_hotswap_small", small=True),
    Contestant("duckdb", "with_duckdb"),
    Contestant("delta_rs", "with_delta_rs"),
    Contestant("spark_rewrite", "with_spark"),
    Contestant("iceberg", "with_iceberg", "pyspark==4.1.4", ("org.apache.iceberg",)),
    Contestant("delta", "with_delta", "pyspark==4.1.4", ("io.delta", "io.unitycatalog")),
    Contestant("hudi", "with_hudi", "pyspark==3.5.9", ("org.apache.hudi",)),
)


@dataclass(frozen=True, slots=True)
class Contest:
    """The workload, where data and venvs are kept, and how often each batch is repeated (warm, besides the first)."""

    workload: Workload
    cache: Path
    runs: int
    cores: int = 2

    def hold(self, contestant: Contestant) -> dict[str, Any]:
        """What came of one contestant: its seconds, or `not_run` with the reason."""
        try:
            return self._carry_out(contestant)
        except FAILURES as error:
            return {"not_run": f"{type(error).__name__}: {error}"}

    def _carry_out(self, contestant: Contestant) -> dict[str, Any]:
        python = python_of(self.cache, contestant.pyspark) if contestant.pyspark else Path(sys.executable)
        jars = jars_of(self.cache, contestant.groups) if contestant.groups else []
        with _scratch(self.cache) as folder:
            done = _run(contestant, python, self._job(folder, jars))
            batch_of = self._small if contestant.small else self.workload.batch
            rows = check(self.workload.expected([batch_of(number) for number in done["applied"]]), done["files"])
        warm = [round(seconds, 4) for seconds in done["seconds"][1:]]
        return {
            "median_seconds": round(median(warm), 4),
            "seconds": warm,
            "first_seconds": round(done["seconds"][0], 4),
            "version": done["version"],
            "rows_compared": rows,
            **done["details"],
        }

    def _small(self, number: int) -> Batch:
        return self.workload.batch(number, min(1_000, self.workload.changes), 5)

    def _job(self, folder: Path, jars: list[Path]) -> Job:
        numbers = list(range(self.runs + 1))
        changes = {number: folder / f"changes-{number}.parquet" for number in numbers}
        for number, path in changes.items():
            pq.write_table(self.workload.changes_of(self.workload.batch(number)), path)
        scratch = folder / "scratch"
        scratch.mkdir()
        base = self.workload.base(self.cache)
        return Job(base, changes, numbers, scratch, self.cores, self.workload.rows, self.workload.changes, jars)


def _run(contestant: Contestant, python: Path, job: Job) -> dict[str, Any]:
    command = [str(python), "-m", "bench.contestant", contestant.module]
    try:
        done = subprocess.run(
            command,
            input=job.text(),
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=_clean(),
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotRun(f"not done after {TIMEOUT_S} s") from error
    if done.returncode:
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise CannotRun(" / ".join(said[-3:])[-600:] or f"exit code {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def _clean() -> dict[str, str]:
    """The environment without what would bring another Spark in."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}


@contextmanager
def _scratch(cache: Path) -> Iterator[Path]:
    cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=cache))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
