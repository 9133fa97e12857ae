"""The transform means what Spark means: random expressions over odd rows, evaluated by both."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from loader.mapping.hive_types import parse_hive_type
from tests.integration.expressions.differences import Comparison, compare, differences
from tests.integration.expressions.engines import BySpark, as_written, by_transform
from tests.integration.expressions.generated import Expression, expressions
from tests.integration.expressions.odd_rows import odd_rows

SAMPLE = (1, 2)
"""Seeds that every run takes."""
LONG_SECONDS = 600
ROWS, EXPRESSIONS = 60, 150
MOST_REFUSED = 0.15
"""Share of generated expressions. Were there more, the generator would no longer write what the transform takes."""

NewTable = Callable[[pa.Table], BySpark]


@pytest.fixture
def table(spark: Any, tmp_path: Path) -> Iterator[NewTable]:
    made: list[BySpark] = []

    def make(rows: pa.Table) -> BySpark:
        made.append(BySpark(spark, rows, tmp_path / f"rows{len(made)}", f"odd_rows_{len(made)}"))
        return made[-1]

    yield make
    for each in made:
        each.drop()


def compared(
    table: NewTable, seed: int, settings: AbstractContextManager[None], only_whole: bool = False
) -> Comparison:
    random = Random(seed)
    rows = odd_rows(random, ROWS)
    with settings:
        return compare(table(rows), rows, expressions(random, EXPRESSIONS), only_whole)


def assert_alike(seed: int, found: Comparison) -> None:
    told = "\n".join(str(difference) for difference in found.differences)
    assert not found.differences, f"seed {seed}, the smallest expressions that differ:\n{told}"
    assert len(found.refused) < MOST_REFUSED * EXPRESSIONS, "\n".join(found.refused[:20])
    assert found.compared > (1 - MOST_REFUSED) * EXPRESSIONS * ROWS


@pytest.mark.parametrize("seed", SAMPLE)
def test_expressions_mean_what_they_mean_in_spark(spark: Any, table: NewTable, seed: int) -> None:
    assert_alike(seed, compared(table, seed, as_written(spark)))


@pytest.mark.slow
@pytest.mark.timeout(2 * LONG_SECONDS)
def test_expressions_mean_what_they_mean_in_spark_for_ten_minutes(spark: Any, table: NewTable) -> None:
    ends = time.monotonic() + LONG_SECONDS
    for seed in range(1000, 10**6):
        assert_alike(seed, compared(table, seed, as_written(spark)))
        if time.monotonic() > ends:
            break


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [3, 4])
def test_optimized_and_compiled_expressions_mean_the_same(table: NewTable, seed: int) -> None:
    """Of rows on which nothing fails: what Spark's optimizer leaves out cannot fail there."""
    found = compared(table, seed, nullcontext(), only_whole=True)
    assert not found.differences, "\n".join(map(str, found.differences))


@pytest.mark.slow
def test_every_letter_has_the_capital_that_spark_knows(spark: Any, tmp_path: Path) -> None:
    """Alone, and beside others."""
    letters = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    texts = [*letters, *(f"a{letter}ß" for letter in letters)]
    assert _wrongly_cased(spark, tmp_path, texts) == []


def test_odd_letters_have_the_capitals_that_spark_knows(spark: Any, tmp_path: Path) -> None:
    blocks = [*range(0xC0, 0x600), *range(0x10A0, 0x1100), *range(0x1C80, 0x1CC0), *range(0x1E00, 0x2000)]
    newer = [*range(0xA640, 0xA7FF), *range(0xAB30, 0xABC0), *range(0xFB00, 0xFB18), *range(0x10D40, 0x10D90)]
    texts = [text for point in (*blocks, *newer, *range(0x16EA0, 0x16EE0)) for text in (chr(point), f"a{chr(point)}ß")]
    assert _wrongly_cased(spark, tmp_path, texts) == []


def _wrongly_cased(spark: Any, folder: Path, texts: list[str]) -> list[str]:
    rows = pa.table({"s": texts, "id": pa.array(range(len(texts)), pa.int64())})
    types = {"s": parse_hive_type("string")}
    table = BySpark(spark, rows, folder / "letters", "odd_letters", {"s": "string"})
    found: list[str] = []
    try:
        for name in ("upper", "lower"):
            theirs, ours = table.results([f"{name}(s)"])[0], by_transform(f"{name}(s)", rows, types)
            assert not isinstance(theirs, str)
            assert not isinstance(ours, str)
            pairs = zip(texts, theirs.values, ours.values, strict=True)
            found += [f"{name}({text!a}): {one!a} and {other!a}" for text, one, other in pairs if one != other]
    finally:
        table.drop()
    return found


def test_the_smallest_part_that_differs_is_named(spark: Any, table: NewTable) -> None:
    """Spark is shown other rows than the transform: the column that differs is found in a larger expression."""
    rows = odd_rows(Random(5), 30)
    shown = rows.set_column(rows.schema.get_field_index("s"), "s", pa.array(["other"] * 30))
    column, literal = Expression("s"), Expression("'x'")
    larger = Expression("upper(s) || 'x'", (Expression("upper(s)", (column,)), literal))
    with as_written(spark):
        found = differences(table(shown), rows, [larger, Expression("i4"), Expression("length(u)")])
    assert [difference.expression for difference in found] == ["s"]
