"""Completion in the shell: verbs, options, and the tables of the configuration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.stage import CONFIG

SHELLS = {"bash": "_hotswap_completion", "zsh": "#compdef hotswap", "fish": "complete --command hotswap"}


def completed(folder: Path, line: str, **environment: str) -> list[str]:
    """What bash is offered for the last word of a line."""
    asked = {"_HOTSWAP_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "loader.cli.main"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **asked, **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.split()


def test_verbs_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "hotswap roll") == ["rollback"]


def test_options_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "hotswap status --max") == ["--max-lag"]


def test_tables_are_completed_from_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "hotswap.yaml").write_text(CONFIG)
    assert completed(tmp_path, "hotswap verify ads") == ["ads.clicks"]


def test_tables_are_completed_from_another_configuration(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(CONFIG)
    assert completed(tmp_path, "hotswap rollback ads", HOTSWAP_CONFIG="other.yaml") == ["ads.clicks"]
    assert completed(tmp_path, "hotswap rollback -c other.yaml ads") == ["ads.clicks"]


def test_a_configuration_that_cannot_be_read_completes_nothing(tmp_path: Path) -> None:
    assert completed(tmp_path, "hotswap verify ads") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_the_shell_is_printed(shell: str) -> None:
    command = [sys.executable, "-m", "loader.cli.main", "--show-completion", shell]
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, SHELLS[shell] in done.stdout) == (0, True), done.stderr
