"""python -m devservers.demo [--rows N] [--keep]"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from devservers import paths, tethered
from devservers.demo.data import FEWEST
from devservers.demo.errors import DemoFailed
from devservers.demo.scratch import scratch
from devservers.demo.show import Screen
from devservers.demo.story import Stage, play
from devservers.errors import DevServerError
from devservers.interrupts import apart, raise_on_signals
from loader.basics.errors import HotswapError

INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Exit codes: 0 all that it claims held, 1 something did not or could not go on, 130 interrupted."""
    chosen = _parser().parse_args(arguments)
    raise_on_signals()
    screen = Screen()

    def end() -> None:
        screen.silent = True
        tethered.end_all()

    try:
        with scratch(paths.cache_folder() / "demo", chosen.keep) as folder:
            return apart(lambda: _run(screen, folder, chosen.rows, chosen.keep), end)
    except (DemoFailed, DevServerError, HotswapError, OSError) as error:
        screen.failed(str(error))
        return 1
    except KeyboardInterrupt:
        screen.silent = False
        screen.failed("interrupted; nothing of it runs any more")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m devservers.demo", description="hotswap on real servers, in a minute.")
    parser.add_argument("--rows", type=_rows, default=60_000, metavar="N", help="ads in the table (default: 60000)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all that was written")
    return parser


def _rows(text: str) -> int:
    rows = int(text)
    if rows < FEWEST:
        raise argparse.ArgumentTypeError(f"at least {FEWEST}, or there is no long tail")
    return rows


def _run(screen: Screen, folder: Path, rows: int, keep: bool) -> int:
    with ExitStack() as until:
        stage = Stage(screen, folder, rows, until)
        held = play(stage)
        _sum_up(stage, keep)
        return 0 if held else 1


def _sum_up(stage: Stage, keep: bool) -> None:
    freshness = stage.watch.freshness
    p50, p99 = (f"[bold]{freshness.percentile(share):.1f} s[/]" for share in (0.5, 0.99))
    folder = stage.folder if keep else f"{stage.folder}, removed now (--keep leaves it there)"
    facts = {
        "freshness": f"p50 {p50}, p99 {p99}, from the put into HBase to visible in Hive ({freshness.rows:,} rows)",
        "batches": f"{len(stage.watch.batches)}, each published by one metastore call",
        "took": f"{time.monotonic() - stage.started:.0f} s",
        "files": str(folder),
    }
    stage.screen.summary(stage.claims, facts, _next(stage.folder, keep))


def _next(folder: Path, keep: bool) -> tuple[str, ...]:
    if keep:
        return (
            f"python -m devservers up --data {folder}    these servers again, with this table",
            f"hotswap history -c {folder / 'hotswap.yaml'}",
        )
    return (
        "make servers                    the same servers for as long as you like",
        "conf/hotswap.example.yaml       every setting, explained",
        "README.md                       how it commits, and how to point it at your own HBase and Hive",
    )


if __name__ == "__main__":
    code = main(sys.argv[1:])
    if code == INTERRUPTED:  # a thread of it may still wait for a server that is gone
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)
