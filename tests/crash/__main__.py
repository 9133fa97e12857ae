"""`make crash`: every crash point of every scenario, and how many were survived."""

import argparse
import logging
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.crash.points import Point, points_of
from tests.crash.power import Loss
from tests.crash.scenarios import SCENARIOS
from tests.crash.served import fork
from tests.crash.trial import HdfsPlace, Place, effects_of, problems_of


def main(arguments: list[str]) -> int:
    """Exit code 1 if a point was not survived."""
    chosen = _parser().parse_args(arguments)
    logging.disable(logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="hotswap-crash-"))
    place = HdfsPlace(chosen.hdfs) if chosen.hdfs else Place(folder)
    survived = total = 0
    try:
        with ProcessPoolExecutor(os.cpu_count(), mp_context=fork) as pool:
            for number, scenario in enumerate(SCENARIOS):
                mine = place.of(str(number))
                points = _points(effects_of(scenario, mine.of("counted")), bool(chosen.hdfs))[number :: chosen.every]
                good = sum(pool.map(partial(_survived, number, mine), points))
                print(f"{scenario.name:24} {good:4} of {len(points):4} points survived", flush=True)
                survived, total = survived + good, total + len(points)
    finally:
        shutil.rmtree(folder)
    print(f"crash points: {survived} of {total} survived")
    return int(survived != total)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.crash", description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try only every Nth point")
    parser.add_argument("--hdfs", metavar="URI", help="tables in new folders below this one, and no power loss")
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
