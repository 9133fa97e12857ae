"""Die before and after every effect, lose what was not synced; look; restart: the table must equal its source."""

from pathlib import Path

import pytest

from tests.crash.points import Point, points_of
from tests.crash.power import Loss, Sync
from tests.crash.scenario import Scenario
from tests.crash.scenarios import SCENARIOS
from tests.crash.trial import Place, effects_of, failures, problems_of

CHUNKS = 4
SAMPLE = 17
"""`make test` tries one point in so many, others in each scenario; `make crash` and `make test-all` try all."""

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
BATCH = next(scenario for scenario in SCENARIOS if scenario.name == "batch")


def points(scenario: Scenario, folder: Path) -> list[Point]:
    return points_of(len(effects_of(scenario, Place(folder / "counted"))))


def test_a_batch_passes_every_kind_of_effect(tmp_path: Path) -> None:
    effects = effects_of(BATCH, Place(tmp_path / "counted"))
    assert {
        "create",
        "new_file",
        "commit",
        "link",
        "sync",
        "add_partitions",
        "alter_partitions",
        "lock",
        "unlock",
    } <= set(effects)


@every_scenario
def test_a_loader_that_dies_somewhere_leaves_a_whole_batch_or_none(tmp_path: Path, scenario: Scenario) -> None:
    chosen = points(scenario, tmp_path)[SCENARIOS.index(scenario) % SAMPLE :: SAMPLE]
    assert not failures(scenario, chosen, Place(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
@every_scenario
def test_a_loader_that_dies_anywhere_leaves_a_whole_batch_or_none(
    tmp_path: Path, scenario: Scenario, chunk: int
) -> None:
    assert not failures(scenario, points(scenario, tmp_path)[chunk::CHUNKS], Place(tmp_path))


@pytest.mark.parametrize(("loss", "deaf_to"), [(Loss.CONTENTS, Sync.FILES), (Loss.UNSYNCED, Sync.FOLDERS)])
def test_a_disk_that_does_not_sync_is_found_out(tmp_path: Path, loss: Loss, deaf_to: Sync) -> None:
    """The loop bites: without one kind of sync the batch that was just acknowledged is not there."""
    last = len(effects_of(BATCH, Place(tmp_path / "counted"))) - 1
    assert problems_of(BATCH, Point(last, "after", loss), Place(tmp_path / "deaf", frozenset({deaf_to})))
