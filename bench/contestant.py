"""python -m bench.contestant MODULE: carry out the job on standard input, print what came of it as the last line."""

import importlib
import sys

from bench.peers.job import Job


def main(module: str) -> None:
    done = importlib.import_module(f"bench.peers.{module}").run(Job.read(sys.stdin.read()))
    print(done.text())


if __name__ == "__main__":
    main(sys.argv[1])
