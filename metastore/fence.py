"""The fence: a loader run's own empty partition, named in each of its swaps, dropped before its attempts are settled.

A swap whose caller timed out can land minutes later. All partitions of a swap must exist, so once the fence that it
names is dropped it can only fail, as a whole (2-publish-protocol, A2). The fence's value is

- legal for the key's type, so that no reader stumbles over it,
- the lowest of its type, so that "latest partition" jobs do not pick it,
- different for every epoch: epochs count up per table and their values are never used again.

With several keys, every key but one takes the lowest value of its type, and the first key with room for it the epoch.
The lowest values of a type are set aside for epochs (`room`): a table whose data uses them cannot have a fence there.

| type | fence of epoch 7 | epochs |
|-|-|-|
| string, varchar(25) and longer | `!hotswap-fence-0000000007` | 10^10 |
| shorter char and varchar, from 10 | `!hs-000007` | 10^6 |
| bigint, int, smallint | MIN + 7 | 2^32, 2^20, 2^10 |
| date | `0001-01-08` | 300,000 |
| timestamp | `0001-01-01 00:00:07` | 2^32 |
| decimal(p,s) with p − s >= 6 | −(10^(p−s) − 1) + 7 | 10^(p−s−3) |
| tinyint, boolean, shorter texts and decimals | no room; only the filler for another key's epoch | |
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from metastore.api import Column, Metastore, PartitionValues, TableName
from metastore.names import parse_type

_FIRST_DAY = date(1, 1, 1)
_FIRST_SECOND = datetime(1, 1, 1)


@dataclass(frozen=True, slots=True)
class _Spare:
    """The lowest values of a type: `value(epoch)` for 0 <= epoch < room, and what another key's fence takes."""

    filler: str
    room: int = 0
    value: Callable[[int], str] = str


def fence_values(keys: Sequence[Column], epoch: int) -> PartitionValues | None:
    """The partition values of an epoch's fence; None when no key's type has a value to spare for it."""
    if epoch < 0:
        raise ValueError(f"epochs count up from 0, got {epoch}")
    spares = [_spare(key.type) for key in keys]
    carrier = next((i for i, spare in enumerate(spares) if spare and epoch < spare.room), None)
    if carrier is None or any(spare is None for spare in spares):
        return None
    return tuple(
        spare.value(epoch) if i == carrier else spare.filler for i, spare in enumerate(spares) if spare is not None
    )


def is_fence(keys: Sequence[Column], values: PartitionValues) -> bool:
    """True for the values of any epoch's fence. Epochs begin at 1: data likes the very lowest value of a type."""
    return bool(fence_epoch(keys, values))


def fence_epoch(keys: Sequence[Column], values: PartitionValues) -> int | None:
    """The epoch whose fence has these values; None if they are no fence's."""
    if len(keys) != len(values):
        return None
    guesses = (_epoch_of(key.type, value) for key, value in zip(keys, values, strict=True))
    epochs = (epoch for epoch in guesses if epoch is not None and epoch >= 0)
    return next((epoch for epoch in epochs if fence_values(keys, epoch) == values), None)


def list_fences(metastore: Metastore, name: TableName) -> tuple[PartitionValues, ...]:
    """The fences that a table has now, the oldest epoch first. Raises `NoSuchTable`."""
    keys = metastore.table(name).partition_keys
    epochs = {values: fence_epoch(keys, values) for values in metastore.partition_names(name)}
    found = [(epoch, values) for values, epoch in epochs.items() if epoch is not None]
    return tuple(values for _, values in sorted(found))


def _spare(type_: str) -> _Spare | None:
    try:
        name, length, scale = parse_type(type_)
    except ValueError:
        return None
    make = _SPARES.get(name)
    return make(length, scale) if make else None


def _integers(bits: int, room: int) -> _Spare:
    lowest = -(2 ** (bits - 1))
    return _Spare(str(lowest), room, lambda n: str(lowest + n))


def _texts(length: int | None) -> _Spare:
    if length is None or length >= 25:
        return _Spare("!", 10**10, lambda n: f"!hotswap-fence-{n:010}")
    return _Spare("!", 10**6, lambda n: f"!hs-{n:06}") if length >= 10 else _Spare("!")


def _decimals(precision: int | None, scale: int | None) -> _Spare:
    whole_digits = (precision or 10) - (scale or 0)
    lowest = 1 - 10**whole_digits
    return _Spare(str(lowest), 10 ** (whole_digits - 3) if whole_digits >= 6 else 0, lambda n: str(lowest + n))


def _day(epoch: int) -> str:
    return (_FIRST_DAY + timedelta(days=epoch)).isoformat()


def _second(epoch: int) -> str:
    return (_FIRST_SECOND + timedelta(seconds=epoch)).isoformat(sep=" ")


_SPARES: dict[str, Callable[[int | None, int | None], _Spare]] = {
    "bigint": lambda *_: _integers(64, 2**32),
    "int": lambda *_: _integers(32, 2**20),
    "integer": lambda *_: _integers(32, 2**20),
    "smallint": lambda *_: _integers(16, 2**10),
    "tinyint": lambda *_: _integers(8, 0),
    "string": lambda *_: _texts(None),
    "varchar": lambda length, _: _texts(length),
    "char": lambda length, _: _texts(length),
    "date": lambda *_: _Spare(_day(0), 300_000, _day),
    "timestamp": lambda *_: _Spare(_second(0), 2**32, _second),
    "decimal": _decimals,
    "boolean": lambda *_: _Spare("false"),
}


def _epoch_of(type_: str, value: str) -> int | None:
    """The epoch that this value would stand for, if it stands for any; the caller checks it by making it again."""
    try:
        name, _, _ = parse_type(type_)
        match name:
            case "string" | "varchar" | "char":
                return int(value.rpartition("-")[2]) if value.startswith("!") else None
            case "date":
                return (date.fromisoformat(value) - _FIRST_DAY).days
            case "timestamp":
                return int((datetime.fromisoformat(value) - _FIRST_SECOND).total_seconds())
        spare = _spare(type_)
        return int(value) - int(spare.filler) if spare and spare.room else None
    except (ValueError, TypeError):
        return None
