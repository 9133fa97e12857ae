"""What `verify`, `doctor` and the alarms find: each finding says what is wrong with what, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

SOMETHING_TO_DO = 6
DAMAGE = 5


class Grade(StrEnum):
    """How much a finding matters; `note` asks for nothing."""

    DAMAGE = "damage"
    TO_DO = "to do"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check`: which check found it; `where`: the partition, file, setting or server; `do`: the next step."""

    grade: Grade
    check: str
    where: str
    what: str
    do: str = ""


def exit_code(findings: Iterable[Finding]) -> int:
    """5 with damage, 6 with something to do, else 0."""
    grades = {finding.grade for finding in findings}
    return DAMAGE if Grade.DAMAGE in grades else SOMETHING_TO_DO if Grade.TO_DO in grades else 0
