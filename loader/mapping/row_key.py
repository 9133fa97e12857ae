"""Raw row key ↔ key columns. Identity is the raw key: a row whose columns do not give back its bytes is rejected."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from loader.basics.printable import printable
from loader.mapping.codec import Codec


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """One column of the row key, and how its part of the key is written."""

    name: str
    codec: Codec


@dataclass(frozen=True, slots=True)
class RowKey:
    """The key columns in the order of the key's bytes.

    One column is the whole key; several are cut at `delimiter` (the last takes the rest, delimiters and all) or into
    pieces of `widths` bytes.
    """

    columns: tuple[KeyColumn, ...]
    delimiter: bytes | None = None
    widths: tuple[int, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def decode(
        self, keys: Sequence[bytes], packed: pa.Array | None = None
    ) -> tuple[dict[str, pa.Array], dict[int, tuple[str, str | None]]]:
        """Raw keys → key columns, and for each bad key's position its reason and column. `packed`: the same keys."""
        problems: dict[int, tuple[str, str | None]] = {}
        whole = packed is not None and len(self.columns) == 1
        parts = [packed] if whole else self._cut(keys, problems)
        decoded: dict[str, pa.Array] = {}
        for column, values in zip(self.columns, parts, strict=True):
            decoded[column.name], reasons = column.codec.decode(values)
            for index, reason in reasons.items():
                problems.setdefault(index, (f"row key: {reason}", column.name))
        raw = packed if packed is not None else pa.array(keys, pa.binary())
        self._check(raw, decoded, problems)
        return decoded, problems

    def encode(self, columns: Mapping[str, pa.Array]) -> pa.Array:
        """Key columns without nulls → raw keys (binary). Dictionaries are taken too."""
        parts = [_encoded(column.codec, columns[column.name]) for column in self.columns]
        if len(parts) == 1:
            return parts[0]
        return pc.binary_join_element_wise(*parts, pa.scalar(self.delimiter or b"", pa.binary()))

    def _cut(self, keys: Sequence[bytes], problems: dict[int, tuple[str, str | None]]) -> list[list[bytes | None]]:
        count = len(self.columns)
        parts: list[list[bytes | None]] = [[None] * len(keys) for _ in range(count)]
        for index, key in enumerate(keys):
            pieces = self._pieces(key)
            if pieces is None:
                problems[index] = (f"row key {printable(key)} does not have {count} parts ({self._form()})", None)
                continue
            for part, piece in zip(parts, pieces, strict=True):
                part[index] = piece
        return parts

    def _pieces(self, key: bytes) -> list[bytes] | None:
        if len(self.columns) == 1:
            return [key]
        if self.delimiter is not None:
            pieces = key.split(self.delimiter, len(self.columns) - 1)
            return pieces if len(pieces) == len(self.columns) else None
        ends = [sum((self.widths or ())[:index]) for index in range(len(self.columns) + 1)]
        return [key[start:end] for start, end in itertools.pairwise(ends)] if len(key) == ends[-1] else None

    def _form(self) -> str:
        return f"cut at {printable(self.delimiter)}" if self.delimiter is not None else f"of {self.widths} bytes"

    def _check(
        self, raw: pa.Array, decoded: Mapping[str, pa.Array], problems: dict[int, tuple[str, str | None]]
    ) -> None:
        """What decoded without complaint must encode to the same bytes."""
        for name, column in decoded.items():
            for index in _positions(column.is_null()):
                problems.setdefault(index, ("row key: this part reads as NULL", name))
        good = [index for index in range(len(raw)) if index not in problems] if problems else list(range(len(raw)))
        if problems:
            chosen = pa.array(good, pa.int64())
            decoded = {name: column.take(chosen) for name, column in decoded.items()}
            raw = raw.take(chosen)
        again = self.encode(decoded)
        for place in _positions(pc.not_equal(again, raw)):
            message = f"row key {_shown(raw[place])} would be written back as {_shown(again[place])}"
            problems[good[place]] = (message, None)


def _positions(flags: pa.Array) -> list[int]:
    positions: list[int] = pc.indices_nonzero(flags).to_pylist()
    return positions


def _encoded(codec: Codec, column: pa.Array) -> pa.Array:
    if codec.encode is None:
        raise TypeError(f"{codec.name} cannot be part of a row key")
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.DictionaryArray):
        return codec.encode(column.dictionary).take(column.indices)
    return codec.encode(column)


def _shown(key: pa.Scalar) -> str:
    return printable(key.as_py() or b"")
