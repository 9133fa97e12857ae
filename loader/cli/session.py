"""What a verb is given: the loader's functions behind one protocol, and the streams."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

from loader.basics.errors import NeedsConfirmation
from loader.cli.output import Output
from loader.wiring.source_name import check_keyed

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings
    from loader.ops.adopt.adopter import Adopter
    from loader.ops.analyze import AnalyzeReport
    from loader.ops.doctor.doctor import DoctorReport
    from loader.ops.forget import ForgetReport
    from loader.ops.inspect.inspect import KeyReport
    from loader.ops.plan import NextBatch
    from loader.ops.reindex.reindex import ReindexPlan, ReindexReport
    from loader.ops.show import BatchDetail, Difference
    from loader.ops.table_with_source import Upkeep
    from loader.ops.verify.verify import VerifyReport
    from loader.report.health import Vitals
    from loader.report.reports import (
        CleanReport,
        HistoryEntry,
        HoldPlan,
        HoldReport,
        InitReport,
        Published,
        ResumePlan,
        RollbackPreview,
        RunReport,
        SampleReport,
        Settled,
        Status,
    )


class Service(Protocol):
    """One table as the verbs see it; `loader.ops.table.TableService` is the real one."""

    def status(self) -> "Status": ...

    def vitals(self) -> "Vitals": ...

    def history(self, limit: int) -> "tuple[HistoryEntry, ...]": ...

    def show_batch(self, batch: int, /) -> "BatchDetail": ...

    def diff(self, older: int, newer: int, /) -> "Difference": ...

    def verify(self, settings: "TableSettings", /, deep: bool) -> "VerifyReport": ...

    def preview_reindex(self, settings: "TableSettings", /) -> "ReindexPlan": ...

    def reindex(self, settings: "TableSettings", /) -> "ReindexReport": ...

    def preview_rollback(
        self, to: int | None, as_of_ms: int | None, partitions: Sequence[str] = (), /
    ) -> "RollbackPreview": ...

    def rollback(self, preview: "RollbackPreview", /) -> "Published": ...

    def rollback_now(
        self, to: int | None, as_of_ms: int | None, partitions: Sequence[str] = (), /
    ) -> "tuple[RollbackPreview, Published]": ...

    def preview_hold(self, partitions: Sequence[str] = (), /) -> "HoldPlan": ...

    def hold(self, partitions: Sequence[str] = (), /) -> "HoldReport": ...

    def preview_resume(self, partitions: Sequence[str] = (), /) -> "ResumePlan": ...

    def resume(self, plan: "ResumePlan", /) -> None: ...

    def recover(self, believe_old: bool = False, /) -> "tuple[Settled, ...]": ...

    def analyze(self, partitions: Sequence[str], columns: Sequence[str], again: bool, /) -> "AnalyzeReport": ...

    def clean(self, settings: "TableSettings", /, dry: bool, empty_partitions: bool = False) -> "CleanReport": ...


def prove(settings: "Settings", table: "TableSettings") -> None:
    """Raises ConfigError where the table's mapping, transform or files cannot be."""
    from loader.wiring.check import check_settings  # noqa: PLC0415 - brings pyarrow

    check_settings(settings, table)


class Backend(Protocol):
    """What the command line calls."""

    def load(self, path: str) -> "Settings": ...

    def open_table(self, settings: "Settings", table: "TableSettings") -> Service: ...

    def upkeep(self, settings: "Settings", table: "TableSettings") -> "Upkeep": ...

    def adopter(self, settings: "Settings", table: "TableSettings") -> "Adopter": ...

    def initialise(self, settings: "Settings", table: "TableSettings") -> "InitReport": ...

    def sample(self, settings: "Settings", table: "TableSettings", rows: int) -> "SampleReport": ...

    def forget(self, settings: "Settings", table: "TableSettings", dry: bool) -> "ForgetReport": ...

    def doctor(self, settings: "Settings", table: "TableSettings", clock_table: str | None) -> "DoctorReport": ...

    def run(self, settings: "Settings", table: "TableSettings", once: bool, confirm_deletes: bool) -> "RunReport": ...

    def preview_next(self, settings: "Settings", table: "TableSettings", within_s: float) -> "NextBatch": ...

    def show_key(self, settings: "Settings", table: "TableSettings", key: bytes) -> "KeyReport": ...


class Loader:
    """The real backend. Imports what a verb needs when it needs it."""

    def load(self, path: str) -> "Settings":
        from loader.config.settings import load  # noqa: PLC0415

        return load(path)

    def open_table(self, settings: "Settings", table: "TableSettings") -> Service:
        from loader.ops.table import TableService  # noqa: PLC0415
        from loader.wiring.table import open_table  # noqa: PLC0415

        return TableService(open_table(settings, table))

    def upkeep(self, settings: "Settings", table: "TableSettings") -> "Upkeep":
        from loader.ops.table_with_source import open_upkeep  # noqa: PLC0415

        return open_upkeep(settings, table)

    def adopter(self, settings: "Settings", table: "TableSettings") -> "Adopter":
        from loader.ops.adopt.adopter import open_adopter  # noqa: PLC0415

        check_keyed(table)
        return open_adopter(settings, table)

    def initialise(self, settings: "Settings", table: "TableSettings") -> "InitReport":
        from loader.ops.init import initialise  # noqa: PLC0415

        return initialise(settings, table)

    def sample(self, settings: "Settings", table: "TableSettings", rows: int) -> "SampleReport":
        from loader.ops.sample import sample_table  # noqa: PLC0415

        return sample_table(settings, table, rows)

    def forget(self, settings: "Settings", table: "TableSettings", dry: bool) -> "ForgetReport":
        from loader.ops.forget import forget  # noqa: PLC0415

        return forget(settings, table, dry)

    def preview_next(self, settings: "Settings", table: "TableSettings", within_s: float) -> "NextBatch":
        from loader.runtime.dry_run import preview_next  # noqa: PLC0415

        return preview_next(settings, table, within_s)

    def doctor(self, settings: "Settings", table: "TableSettings", clock_table: str | None) -> "DoctorReport":
        from loader.ops.doctor.doctor import doctor  # noqa: PLC0415

        return doctor(settings, table, clock_table)

    def show_key(self, settings: "Settings", table: "TableSettings", key: bytes) -> "KeyReport":
        from loader.ops.inspect.source_row import show_key  # noqa: PLC0415

        check_keyed(table)
        return show_key(settings, table, key)

    def run(self, settings: "Settings", table: "TableSettings", once: bool, confirm_deletes: bool) -> "RunReport":
        is_log = table.source is not None
        if once and (is_log or "PYSPARK_GATEWAY_PORT" not in os.environ):  # not started by spark-submit
            from loader.runtime.once import run_once  # noqa: PLC0415

            return run_once(settings, table, confirm_deletes)
        if is_log:
            from loader.runtime.paced import run_log  # noqa: PLC0415

            return run_log(settings, table)
        from loader.runtime.job import run  # noqa: PLC0415

        return run(settings, table, once, confirm_deletes=confirm_deletes)


@dataclass(frozen=True, slots=True)
class Session:
    """One call of the command."""

    backend: Backend
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environment: Mapping[str, str]

    @property
    def out(self) -> Output:
        return Output(self.stdout, self.environment)

    @property
    def err(self) -> Output:
        return Output(self.stderr, self.environment)

    def proved(self, config: str, table: str | None) -> "tuple[Settings, TableSettings]":
        """The configuration, and the table of that name with its mapping proved. Raises ConfigError."""
        settings = self.backend.load(config)
        chosen = settings.table(table)
        prove(settings, chosen)
        return settings, chosen

    def require_yes(self, question: str, yes: bool, json: bool) -> None:
        """Return if the operator agrees. Only a terminal is asked; raises NeedsConfirmation for any other answer."""
        if yes:
            return
        if json or not (self.stdin.isatty() and self.stdout.isatty()):
            raise NeedsConfirmation("not confirmed, so nothing was changed", "Add --yes to do what is shown above.")
        self.stdout.write(f"{question} [y/N] ")
        self.stdout.flush()
        if self.stdin.readline().strip().lower() not in ("y", "yes"):
            raise NeedsConfirmation("not confirmed, so nothing was changed")
