"""`init` and `run`: what they pass on, and what they print of the reports."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import Unavailable
from loader.report import log
from loader.report.reports import BatchReport, InitReport, RunReport, SampledCell, SampledRow, SampleReport
from tests.cli.stage import Stage, hotswap

BATCH = BatchReport(
    table="ads.clicks",
    batch=7,
    attempt="b7",
    outcome="committed",
    window=(1, 2),
    upserts=1200,
    deletes=3,
    moves=0,
    rejected=2,
    partitions=4,
    splits=5,
    files_linked=6,
    rows=9000,
    bytes_written=2048,
    bytes_linked=0,
    seconds={"scan": 0.5, "swap": 0.25},
    swap_s=0.25,
    freshness_s=1.5,
)
RUN = RunReport("ads.clicks", (BATCH,), 1000, 2.5)
CELLS = (SampledCell("id", ":key", "k1", "k1"), SampledCell("clicks", "d:clicks", "xx", None, "'xx' is no bigint"))
INIT = InitReport(
    table="ads.clicks",
    location="file:///t",
    created=True,
    columns=(("id", "string"),),
    partition_keys=(("day", "string"),),
    hbase_table="clicks",
    regions=1,
    warnings=("mind the gap",),
)
BAD, GOOD = SampledRow("k1", CELLS, None, "clicks: 'xx' is no bigint"), SampledRow("k2", (), "day=mon")
SAMPLE = SampleReport("ads.clicks", "clicks", 2, (BAD, GOOD), ("clicks (d:clicks, bigint): 8 bytes: #b?",))
MOST_BAD = replace(SAMPLE, rows=(BAD, BAD, GOOD))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    yield Stage(tmp_path, init_report=INIT, run_report=RUN, sample_report=SAMPLE)
    for room in log.ROOMS:
        logging.getLogger(room).handlers.clear()


def test_run_passes_its_flags_on(stage: Stage) -> None:
    hotswap(stage, "run", "--once", "--confirm-deletes")
    assert stage.asked == [True, True]


def test_run_ends_with_a_line_of_json_in_a_pipe(stage: Stage) -> None:
    told = json.loads(hotswap(stage, "run", "--once").out)
    assert (told["event"], told["batches"], told["changes"]) == ("ended", 1, 1203)


def test_run_ends_with_a_line_for_a_person_at_a_terminal(stage: Stage) -> None:
    assert "ads.clicks: 1 batch, 1,203 changes in 2.5 s" in hotswap(stage, "run", "--once", answer="").out


def test_run_in_json_tells_a_terminal_json(stage: Stage) -> None:
    assert json.loads(hotswap(stage, "run", "--once", "--json", answer="").out)["event"] == "ended"


def test_run_proves_the_mapping_before_anything_starts(stage: Stage) -> None:
    stage.config.write_text(stage.config.read_text().replace("d:day", "nothing"))
    assert (hotswap(stage, "run").code, stage.asked) == (2, [])


def test_run_once_fails_when_a_server_is_away(stage: Stage) -> None:
    stage.raises = Unavailable("no HBase")
    assert hotswap(stage, "run", "--once").code == 1


def test_init_shows_raw_bytes_beside_what_they_become(stage: Stage) -> None:
    out = hotswap(stage, "init", "--sample", "1").out
    assert "row k1 → quarantine" in out
    assert ["clicks", "d:clicks", "xx", "'xx'", "is", "no", "bigint"] in [line.split() for line in out.splitlines()]


def test_init_passes_the_size_of_the_sample_on(stage: Stage) -> None:
    hotswap(stage, "init", "--sample", "20")
    assert stage.asked == [20, "initialise"]


def test_a_dry_run_looks_at_rows_and_makes_nothing(stage: Stage) -> None:
    done = hotswap(stage, "init", "--dry-run")
    assert (done.code, stage.asked) == (0, [20])
    assert "2 rows of HBase table clicks, 2 regions: 1 would be quarantined" in done.out


@pytest.mark.parametrize("arguments", [["--sample", "3"], ["--dry-run"], ["--dry-run", "--json"]])
def test_init_fails_and_makes_nothing_if_most_rows_cannot_be_decoded(stage: Stage, arguments: list[str]) -> None:
    stage.sample_report = MOST_BAD
    done = hotswap(stage, "init", *arguments)
    assert (done.code, stage.asked) == (2, [3 if "3" in arguments else 20])
    assert "2 of 3 sampled rows of HBase table clicks cannot be decoded" in done.err
    assert "Perhaps clicks (d:clicks, bigint): 8 bytes: #b?" in done.err
    assert "k1" in done.out


def test_init_shows_its_warnings(stage: Stage) -> None:
    assert "! mind the gap" in hotswap(stage, "init").out


def test_init_in_json_is_the_report(stage: Stage) -> None:
    report = json.loads(hotswap(stage, "init", "--sample", "2", "--json").out)
    assert report["sample"][0]["cells"][1]["error"] == "'xx' is no bigint"
