"""A sample of the crash points on a real HDFS; `make crash-hdfs` tries them all."""

import subprocess
import sys

import pytest

SAMPLE = 9
"""One point in so many, of the scenarios that change most."""


@pytest.mark.slow
def test_a_loader_that_dies_somewhere_on_hdfs_leaves_a_whole_batch_or_none() -> None:
    """In a process of its own, which has no HDFS client yet: children are forked from it, and no client lives there."""
    chosen = [text for name in ("batch", "rollback", "clean", "drop") for text in ("--scenario", name)]
    command = [sys.executable, "-m", "tests.crash", "--hdfs", "--every", str(SAMPLE), *chosen]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.splitlines()[-1].split()
    assert words[:2] == ["crash", "points:"]
    assert int(words[2]) > len(chosen)
