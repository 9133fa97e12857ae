"""`make crash`: every crash point of every scenario, and how many were survived."""

import logging
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.crash.points import Point, points_of
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.served import fork
from tests.crash.trial import Place, effects_of, problems_of


def main() -> int:
    """Exit code 1 if a point was not survived."""
    logging.disable(logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="hotswap-crash-"))
    survived = total = 0
    try:
        with ProcessPoolExecutor(os.cpu_count(), mp_context=fork) as pool:
            for number, scenario in enumerate(SCENARIOS):
                good, points, effects = _survived(scenario, number, folder / str(number), pool)
                print(f"{scenario.name:22} {effects:3} effects, {good:4} of {points:4} points survived", flush=True)
                survived, total = survived + good, total + points
    finally:
        shutil.rmtree(folder)
    print(f"crash points: {survived} of {total} survived")
    return int(survived != total)


def _survived(scenario: Scenario, number: int, folder: Path, pool: ProcessPoolExecutor) -> tuple[int, int, int]:
    effects = effects_of(scenario, Place(folder / "counted"))
    points = points_of(len(effects))
    lost = 0
    for problems in pool.map(partial(_try, number, folder), points, chunksize=4):
        lost += bool(problems)
        _tell(problems)
    return len(points) - lost, len(points), len(effects)


def _try(number: int, folder: Path, point: Point) -> list[str]:
    place = Place(folder / str(point).replace(" ", "-"))
    try:
        return problems_of(SCENARIOS[number], point, place)
    finally:
        shutil.rmtree(place.folder, ignore_errors=True)
        shutil.rmtree(place.folder.with_name(f"{place.folder.name}.before"), ignore_errors=True)


def _tell(problems: list[str]) -> None:
    for problem in problems:
        print(problem, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
