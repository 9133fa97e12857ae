from partitioner.merge.rules import NEWEST_WINS


def test_newest_wins_may_be_applied_twice() -> None:
    assert NEWEST_WINS.idempotent
