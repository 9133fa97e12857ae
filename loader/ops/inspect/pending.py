"""Whether a key waits: for the next batch, which will read it again, or for a hold to end."""

from collections.abc import Iterator
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc

from loader.publish.key_moves import changed_keys
from loader.state import rereads
from loader.state.keys_aside import keys_of
from loader.state.open_table import Environment
from loader.state.records import Records
from partitioner.values import PartitionValues


def requested(env: Environment, records: Records, key: bytes) -> str | None:
    """Why the next batches read the key again; None: nobody has asked for it."""
    state = records.state
    asks = rereads.open_asks(env.files, env.layout, state.answered)
    if asks and _among(rereads.load(env.files, env.layout, asks).keys, key):
        return "somebody has asked for it (reconcile, quarantine retry or adopt)"
    if _among(keys_of(env, state.released), key):
        return "a hold that it waited for has ended"
    if any(_among(keys, key) for keys in _changed(env, records, state.owed)):
        return "a batch that changed it was taken back, and the table resumed since"
    return None


def held(env: Environment, records: Records, key: bytes, places: tuple[PartitionValues | None, ...]) -> str | None:
    """The hold that keeps its change back; `places`: where it lives and where it would. None: no hold does."""
    state = records.state
    if state.whole_hold is not None:
        return f"the table is held since batch {state.whole_hold.batch}"
    for hold in state.holds:
        if hold.partitions is not None and any(place in hold.partitions for place in places if place is not None):
            return f"its partition is held since batch {hold.batch}"
    if _among(keys_of(env, state.deferred), key):
        return "it was changed together with a partition that is held"
    return None


def _changed(env: Environment, records: Records, batches: tuple[int, ...]) -> Iterator[pa.Array]:
    for attempt in records.attempts:
        if attempt.intent.batch in batches:
            with suppress(FileNotFoundError):  # retention removed it
                yield changed_keys(env, attempt)


def _among(keys: pa.Array, key: bytes) -> bool:
    return bool(pc.index(keys, pa.scalar(key, pa.binary())).as_py() >= 0)
