"""Every metastore call of a batch meets every fault; then a late call lands; then the next run must put all right."""

from pathlib import Path
from typing import Any

import pytest

from loader.basics.errors import HotswapError, OutcomeUnknown, from_foreign
from loader.ops.table import TableService
from loader.publish.settling import settle_all
from metastore.errors import MetastoreError, NoSuchPartition
from metastore.fence import is_fence
from metastore.memory import Fault
from tests.unit.publish.stage import Stage, ignore
from tests.world import KEYS, TABLE

READS = {"server", "table", "partitions", "all_partitions", "partition_names", "locks", "check_lock"}
OF_READS = {Fault.UNREACHABLE, Fault.REFUSE}
STATE_CALLS = {"lock", "add_partitions", "alter_partitions", "drop_partition", "unlock"}


def calls_of_a_batch(folder: Path) -> list[str]:
    stage = Stage(folder)
    env, client = stage.watched("counted", ignore)
    stage.change()
    stage.run(env)
    return client.calls


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return calls_of_a_batch(tmp_path_factory.mktemp("counted") / "clicks")


def struck(stage: Stage, point: int, fault: Fault) -> BaseException | None:
    """Run a batch whose call number `point` meets `fault`; what it raised."""

    def strike(number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if number == point:
            stage.store.inject(name, fault)

    env, _ = stage.watched("struck", strike)
    try:
        stage.run(env)
    except (MetastoreError, HotswapError) as error:
        return error
    return None


def exit_code(error: BaseException | None) -> int:
    known = from_foreign(error) if error else None
    return 0 if error is None else known.exit_code if known else -1


def problems_after(folder: Path, point: int, name: str, fault: Fault) -> list[str]:
    stage = Stage(folder)
    before = stage.visible()
    stage.change()
    error = struck(stage, point, fault)
    seen, code, problems = stage.visible(), exit_code(error), []
    if seen not in (before, stage.expected()):
        problems.append(f"readers see neither batch: {seen}")
    if code == 1 and seen != before:
        problems.append(f"exit code 1 says that nothing changed, but the batch is live: {error}")
    if code == 0 and seen != stage.expected():
        problems.append("exit code 0, but the batch is not live")
    if code not in (0, 1, 4):
        problems.append(f"exit code {code}: {error!r}")
    if stage.store.held():
        stage.store.land_held()
        if stage.visible() != seen:
            problems.append("a late call changed what readers see before anything was settled")
    stage.later()
    stage.again()
    env = stage.open("next")
    stage.run(env)
    whole = stage.is_whole(env)
    if whole:
        problems.append(f"after the next run: {whole}")
    return [f"call {point} ({name}), {fault.name}: {problem}" for problem in problems]


@pytest.mark.parametrize("fault", list(Fault))
def test_every_call_may_fail_in_every_way(tmp_path: Path, calls: list[str], fault: Fault) -> None:
    points = [(n, name) for n, name in enumerate(calls) if name not in READS or fault in OF_READS]
    assert {name for _, name in points} >= STATE_CALLS
    problems = [
        problem for point, name in points for problem in problems_after(tmp_path / f"{point}", point, name, fault)
    ]
    assert not problems, "\n".join(problems)


# ---- a swap that lands late


def abandoned(stage: Stage, run: str = "slow") -> None:
    """A run whose swap is on its way while its metastore cannot be read: it dies without knowing."""
    env, client = stage.watched(run, ignore)

    def strike(number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if "alter_partitions" in client.calls:
            stage.store.inject(name, Fault.HOLD if name == "alter_partitions" else Fault.UNREACHABLE)

    client.on_call = strike
    with pytest.raises(OutcomeUnknown):
        stage.run(env)
    assert stage.store.held() == 1
    stage.later()


def test_a_swap_that_lands_after_its_own_run_settled_it_fails_as_a_whole(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.change()
    stage.store.inject("alter_partitions", Fault.HOLD)
    with pytest.raises(HotswapError, match="did not take the swap"):
        stage.run(stage.first)
    stage.source.put("k0", "mon", 200)
    stage.again()
    stage.run(stage.first)
    [landed] = stage.store.land_held()
    assert isinstance(landed, NoSuchPartition)
    assert stage.is_whole(stage.first) is None


def test_a_swap_that_lands_after_another_run_has_published_undoes_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.change()
    abandoned(stage)
    successor = stage.open("successor")
    stage.source.put("k0", "mon", 200)
    stage.again()
    stage.run(successor)
    [landed] = stage.store.land_held()
    assert isinstance(landed, NoSuchPartition)
    assert stage.is_whole(successor) is None


def test_a_swap_that_lands_before_it_is_settled_is_committed(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.change()
    abandoned(stage)
    assert stage.store.land_held() == (None,)
    env = stage.open("successor")
    stage.store.lock(TABLE, "u", "h", "a")
    assert [item.verdict.value for item in settle_all(env)] == ["committed"]
    assert stage.is_whole(env) is None


def test_without_a_fence_the_outcome_stays_unknown_and_nobody_publishes(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks", fence=False)
    before = stage.visible()
    stage.change()
    abandoned(stage)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match="has no fence: its swap could still land"):
            stage.run()
    assert stage.visible() == before


def test_without_a_fence_a_swap_that_lands_late_is_committed_when_it_has(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks", fence=False)
    stage.change()
    abandoned(stage)
    stage.store.land_held()
    env = stage.open("successor")
    stage.run(env)
    assert stage.is_whole(env) is None


def test_without_a_fence_an_operators_word_ends_the_attempt(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks", fence=False)
    stage.change()
    abandoned(stage)
    [settled] = TableService(stage.open("operator")).recover(believe_old=True)
    assert settled.outcome == "aborted"
    env = stage.open("successor")
    stage.again()
    stage.run(env)
    assert stage.is_whole(env) is None


def test_without_a_fence_a_late_swap_undoes_its_successor_if_the_operator_was_wrong(tmp_path: Path) -> None:
    """What the fence is for."""
    stage = Stage(tmp_path / "clicks", fence=False)
    stage.change()
    abandoned(stage)
    TableService(stage.open("operator")).recover(believe_old=True)
    env = stage.open("successor")
    stage.source.put("k0", "mon", 200)
    stage.again()
    stage.run(env)
    assert stage.store.land_held() == (None,)
    assert stage.visible() != stage.expected()
    TableService(stage.open("operator again")).recover()
    assert stage.is_whole(env) is None


def test_without_a_fence_a_refusal_is_believed(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks", fence=False)
    stage.change()
    stage.store.inject("alter_partitions", Fault.REFUSE)
    with pytest.raises(HotswapError, match="did not take the swap"):
        stage.run(stage.first)
    stage.again()
    stage.run(stage.first)
    assert stage.is_whole(stage.first) is None


# ---- other calls that land late


def test_a_partition_that_is_added_late_is_empty_and_the_next_batch_takes_it_over(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    before = stage.visible()
    stage.change()
    stage.store.inject("add_partitions", Fault.LOSE_REPLY)  # the fence: seen, so used
    stage.store.inject("add_partitions", Fault.HOLD)
    env = stage.open("slow")
    with pytest.raises(MetastoreError):
        stage.run(env)
    assert stage.store.land_held() == (None,)
    assert stage.visible() == before
    stage.again()
    stage.run(env)
    assert stage.is_whole(env) is None


def test_a_partition_that_is_added_late_while_another_batch_adds_it_stops_only_that_batch(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.change()
    stage.store.inject("add_partitions", Fault.LOSE_REPLY)
    stage.store.inject("add_partitions", Fault.HOLD)
    with pytest.raises(MetastoreError):
        stage.run(stage.open("slow"))
    stage.later()
    stage.again()
    env, client = stage.watched("next", ignore)

    def land(number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "add_partitions" and client.calls.count(name) == 2:
            stage.store.land_held()

    client.on_call = land
    with pytest.raises(HotswapError, match="were added late"):
        stage.run(env)
    stage.again()
    stage.run(env)
    assert stage.is_whole(env) is None


def test_a_fence_that_is_added_late_does_nothing_and_goes_with_the_next_run(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.change()
    stage.store.inject("add_partitions", Fault.HOLD)
    slow = stage.open("slow")
    with pytest.raises(MetastoreError):
        stage.run(slow)
    stage.again()
    stage.run(slow)
    assert stage.store.land_held() == (None,)
    assert len(stage.fences()) == 2
    stage.source.put("k0", "mon", 300)
    env = stage.open("next")
    stage.run(env)
    assert stage.is_whole(env) is None


def test_a_drop_that_lands_late_takes_nothing_away(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.change()

    def hold(number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "drop_partition" and not is_fence(KEYS, arguments[1]):
            stage.store.inject(name, Fault.HOLD)

    env, _ = stage.watched("slow", hold)
    stage.store.inject("alter_partitions", Fault.REFUSE)
    with pytest.raises(HotswapError):
        stage.run(env)
    stage.again()
    successor = stage.open("successor")
    stage.run(successor)
    stage.store.land_held()
    assert stage.is_whole(successor) is None


def test_a_fence_whose_drop_is_lost_is_dropped_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.change()
    env = stage.open("slow")
    stage.store.inject("alter_partitions", Fault.HOLD)
    stage.store.inject("drop_partition", Fault.HOLD)
    with pytest.raises(HotswapError, match="did not take"):
        stage.run(env)
    stage.again()
    stage.run(env)
    stage.store.land_held()
    assert stage.is_whole(env) is None


# ---- not being able to read


def test_a_read_that_fails_right_after_the_swap_leaves_the_outcome_unknown_until_recover(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clicks")
    stage.change()
    env, client = stage.watched("blind", ignore)

    def strike(number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if "alter_partitions" in client.calls and name == "partitions":
            stage.store.inject(name, Fault.UNREACHABLE)

    client.on_call = strike
    with pytest.raises(OutcomeUnknown) as caught:
        stage.run(env)
    assert caught.value.exit_code == 4
    [settled] = TableService(stage.open("operator")).recover()
    assert (settled.outcome, stage.visible()) == ("committed", stage.expected())
