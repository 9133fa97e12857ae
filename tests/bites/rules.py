"""The rules of the publish protocol that were found by thinking through interleavings, each with its removal.

`removed` is what the code would be without the rule; `test` fails then. docs/how-it-commits.md draws the same table.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """`before` stands in `path` exactly once. `test`: pytest's name of what must fail without the rule."""

    name: str
    says: str
    path: str
    before: str
    removed: str
    test: str


RULES = (
    Rule(
        "A1",
        "a stale write-back is mended, and not taken for a foreign change",
        "partitioner/history/stale_writes.py",
        "for p in elsewhere if is_self_named(p, seen[p], past, live[p].location)))",
        "for p in elsewhere if False))",
        "tests/unit/publish/test_write_backs.py::test_a_batch_mends_the_partitions_that_it_touches",
    ),
    Rule(
        "A2",
        "the fence is dropped before an attempt is judged",
        "loader/state/fences.py",
        "        if not self._sent_off(fence):\n            self.metastore.drop_partition(self.table, fence)\n",
        "",
        "tests/unit/publish/test_faults.py::test_a_swap_that_lands_after_another_run_has_published_undoes_nothing",
    ),
    Rule(
        "A3",
        "rows are read once a batch; files and key index follow from the stored change set",
        "loader/publish/steps.py",
        "    results = moves.by_partition(batch.results)\n",
        "    batch.given.reader.read(batch.change_set.rows[':key'].combine_chunks(), 0)\n"
        "    results = moves.by_partition(batch.results)\n",
        "tests/unit/publish/test_one_reading.py",
    ),
    Rule(
        "A4",
        "the key index's delta is part of the attempt, named in its manifest",
        "loader/publish/steps.py",
        "    if env.keystore is None or not len(batch.change_set.rows):\n",
        "    if True:\n",
        "tests/unit/publish/test_batches.py",
    ),
    Rule(
        "A5",
        "a rollback of partitions is closed over all key moves since its target",
        "partitioner/history/rollback_plan.py",
        "    found, open_ = set(asked), list(asked)\n",
        "    found, open_ = set(asked), []\n",
        "tests/unit/publish/test_holds.py::test_a_partition_that_rows_moved_from_goes_back_too",
    ),
    Rule(
        "A6",
        "what repairs hands over keys, which the next batch reads again under the lock",
        "loader/publish/gather.py",
        "collecting.owed_keys(env, paid, released)",
        "collecting.owed_keys(env, paid, ())",
        "tests/unit/publish/test_holds.py::test_a_resume_reads_a_waiting_key_as_it_is_then",
    ),
    Rule(
        "A8",
        "of a directory that others wrote only the files go that were taken over; it may hold anything",
        "loader/ops/clean/clean.py",
        "        if item.files is not None:\n",
        "        if False:\n",
        "tests/cli/test_adopt.py::test_clean_deletes_what_was_taken_over_and_nothing_else",
    ),
    Rule(
        "A9",
        "a file's final name is given once: a zombie task can add nothing",
        "loader/storage/local.py",
        "        os.link(temporary, final)\n    except FileExistsError:\n",
        "        os.replace(temporary, final)\n    except FileExistsError:\n",
        "tests/contract/test_files.py::test_a_new_file_takes_no_name_that_is_taken",
    ),
    Rule(
        "A10",
        "key columns must encode to exactly the bytes of the row key",
        "loader/mapping/row_key.py",
        "for place in _positions(pc.not_equal(again, raw)):",
        "for place in []:",
        "tests/unit/mapping/test_mapping.py::test_a_key_that_would_not_come_back_as_it_was_is_rejected",
    ),
    Rule(
        "A11",
        "a column that came later owes a comparison with all of HBase: old rows are in no window",
        "loader/ops/evolve.py",
        "    owe(env.files, env.layout, debt)\n",
        "",
        "tests/cli/test_evolve.py::test_it_leaves_a_debt_that_status_tells",
    ),
    Rule(
        "A12",
        "a drop without an answer stays unknown until it has landed: the fence stops late ones, none that is under way",
        "loader/publish/settling.py",
        "    if not over and (attempt.intent.fence is None or attempt.manifest.dropped):\n",
        "    if not over and attempt.intent.fence is None:\n",
        "tests/unit/publish/test_empties.py"
        "::test_a_drop_that_is_under_way_as_its_fence_falls_stays_unknown_until_it_has_landed",
    ),
    Rule(
        "B8",
        "the files of a touched version are listed before the swap: an INSERT into it is a foreign change",
        "loader/publish/preconditions.py",
        "    if found != wanted:\n        odd = sorted(name for name in found.keys() | wanted.keys() if found.get(name)"
        " != wanted.get(name))\n        raise _foreign_files(",
        "    if False:\n        odd = []\n        raise _foreign_files(",
        "tests/unit/publish/test_batches.py::test_a_file_that_somebody_inserted_is_not_lost",
    ),
    Rule(
        "B9",
        "a batch that deletes more than a set share stops until it is confirmed",
        "loader/publish/shares.py",
        "    if deletes.value > max(SMALL_DELETE, batch.given.max_delete_share * rows):\n",
        "    if False:\n",
        "tests/unit/publish/test_mass_deletes.py",
    ),
)
