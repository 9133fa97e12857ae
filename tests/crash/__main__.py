"""`make crash`: every crash point of every scenario, and how many were survived."""

import argparse
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from devservers.hdfs import Hdfs
from tests.crash.points import Point, points_of
from tests.crash.power import Loss
from tests.crash.scenarios import SCENARIOS
from tests.crash.served import fork
from tests.crash.trial import HdfsPlace, Place, effects_of, problems_of

WAITING = 2
"""Trials a core on HDFS, where most of the time nobody computes."""


def main(arguments: list[str]) -> int:
    """Exit code 1 if a point was not survived."""
    chosen = _parser().parse_args(arguments)
    logging.disable(logging.WARNING)
    if chosen.hdfs is None:
        print("on local files, by SIGKILL and by power loss; on HDFS: `make crash-hdfs`", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="hotswap-crash-"))
    try:
        with _place(chosen.hdfs, folder) as place:
            survived, total = _tried(place, chosen)
    finally:
        shutil.rmtree(folder)
    print(f"crash points: {survived} of {total} survived")
    return int(survived != total)


@contextmanager
def _place(hdfs: str | None, folder: Path) -> Iterator[Place | HdfsPlace]:
    if hdfs is None:
        yield Place(folder)
    elif hdfs:
        yield HdfsPlace(hdfs.rstrip("/"))
    else:
        with Hdfs.start_pair(folder) as started:
            yield HdfsPlace(f"{started.uri}/crash")


def _tried(place: Place | HdfsPlace, chosen: argparse.Namespace) -> tuple[int, int]:
    """How many points were survived, and how many there are."""
    survived = total = 0
    on_hdfs = isinstance(place, HdfsPlace)
    with ProcessPoolExecutor((os.cpu_count() or 1) * (WAITING if on_hdfs else 1), mp_context=fork) as pool:
        for number, scenario in enumerate(SCENARIOS):
            if chosen.scenario and scenario.name not in chosen.scenario:
                continue
            mine = place.of(str(number))
            points = _points(effects_of(scenario, mine.of("counted")), on_hdfs)[number % chosen.every :: chosen.every]
            good = sum(pool.map(partial(_survived, number, mine), points))
            print(f"{scenario.name:24} {good:4} of {len(points):4} points survived", flush=True)
            survived, total = survived + good, total + len(points)
    return survived, total


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.crash", description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try only every Nth point of each scenario")
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--scenario", action="append", choices=names, help="only this one; may be given several times")
    parser.add_argument(
        "--hdfs",
        nargs="?",
        const="",
        metavar="URI",
        help="tables on HDFS, and no power loss: in new folders below URI, or on an HDFS that is started for it",
    )
    return parser


def _points(effects: list[str], killed_only: bool) -> list[Point]:
    return [point for point in points_of(len(effects)) if point.loss is Loss.KILLED or not killed_only]


def _survived(number: int, place: Place | HdfsPlace, point: Point) -> bool:
    mine = place.of(str(point))
    problems = problems_of(SCENARIOS[number], point, mine)
    for problem in problems:
        print(problem, file=sys.stderr, flush=True)
    if isinstance(mine, Place):
        shutil.rmtree(mine.folder, ignore_errors=True)
        shutil.rmtree(mine.folder.with_name(f"{mine.folder.name}.before"), ignore_errors=True)
    return not problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
