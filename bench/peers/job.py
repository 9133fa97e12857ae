"""What a contestant is given and what it gives back, as JSON between processes. Imports nothing but the library:
the contestants of other Spark versions read it too."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Job:
    """`base`: the table before any batch, Parquet below `day=…`. `changes[i]`: batch i, with `op` U, I or D.

    `batches` are carried out in their order; the first one warms up. `scratch` is an empty folder.
    """

    base: Path
    changes: dict[int, Path]
    batches: list[int]
    scratch: Path
    cores: int
    rows: int
    changed: int
    jars: list[Path] = field(default_factory=list)

    @staticmethod
    def read(text: str) -> "Job":
        plain = json.loads(text)
        return Job(
            Path(plain["base"]),
            {int(number): Path(path) for number, path in plain["changes"].items()},
            plain["batches"],
            Path(plain["scratch"]),
            plain["cores"],
            plain["rows"],
            plain["changed"],
            [Path(path) for path in plain["jars"]],
        )

    def text(self) -> str:
        return json.dumps(asdict(self), default=str)


@dataclass
class Done:
    """Seconds of each batch in order; globs of the result's files; the batches that are in it; what ran, in words."""

    seconds: list[float]
    files: list[str]
    applied: list[int]
    version: str
    details: dict[str, object] = field(default_factory=dict)

    def text(self) -> str:
        return json.dumps(asdict(self), default=str)
