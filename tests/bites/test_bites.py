"""Each rule's test is seen to fail without the rule: the long run takes the rules out of a copy of the source."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bites.rules import RULES, Rule

ROOT = Path(__file__).parents[2]
ROOMS = ("loader", "partitioner", "metastore", "tests", "devservers", "conf", "pyproject.toml")
TESTS_FAILED = 1
"""pytest's exit code for that, and for nothing else: not for a test that is not there, or code that does not load."""

each_rule = pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])


@each_rule
def test_a_rule_stands_where_its_removal_looks_for_it(rule: Rule) -> None:
    assert (ROOT / rule.path).read_text().count(rule.before) == 1


@each_rule
def test_the_table_of_rules_names_the_test(rule: Rule) -> None:
    told = re.findall(r"^\| (\w+) \| .* \| `(\S+)`", (ROOT / "docs/how-it-commits.md").read_text(), re.MULTILINE)
    assert dict(told)[rule.name] == rule.test


@pytest.mark.slow
@each_rule
def test_without_the_rule_its_test_fails(rule: Rule, tmp_path: Path) -> None:
    for room in ROOMS:
        copy = shutil.copytree if (ROOT / room).is_dir() else shutil.copy
        copy(ROOT / room, tmp_path / room)
    assert _outcome(rule, tmp_path) == 0
    path = tmp_path / rule.path
    path.write_text(path.read_text().replace(rule.before, rule.removed))
    assert _outcome(rule, tmp_path) == TESTS_FAILED


def _outcome(rule: Rule, source: Path) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", rule.test]
    environment = {"PYTHONPATH": str(source), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=source, env=environment, check=False, capture_output=True).returncode
