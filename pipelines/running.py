"""Runs a system's assets in this process, through Dagster, and says what became of each batch.

What happened is read from the register, not from Dagster's history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.judged.comparisons import comparisons_of
from assets.kept.home import Home, site
from governance.batches import standing
from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.register import Register

if TYPE_CHECKING:
    import dagster as dg

Progress = Callable[[str], None]
MODEL = ("model",)


class RunFailed(RuntimeError):
    """A step broke. `ours` tells a fault of this program from one that somebody can mend."""

    def __init__(self, message: str, *, ours: bool) -> None:
        super().__init__(message)
        self.ours = ours


@dataclass(frozen=True, slots=True)
class Task:
    """Some assets of one system, of one batch or of none."""

    words: str
    assets: tuple[str, ...]
    batch: str | None = None


class Runner:
    """One system's graph on the instance of this home."""

    def __init__(self, declaration: Declaration, home: Home, instance: dg.DagsterInstance) -> None:
        from assets.factory import assets_of

        self.declaration, self.home, self.instance = declaration, home, instance
        self.assets = assets_of(declaration)
        self.register: Register = home.register()

    def tasks(self, batches: Sequence[str]) -> Iterator[Task]:
        """What there is to do for these batches: the reference, model, each batch, late outcomes, window."""
        from pipelines.automation import BATCH_ASSETS, OUTCOME_ASSETS

        system = self.declaration.system
        yield Task("reference", ("reference",))
        if self.declaration.model:
            # Before the batches, whose drift is weighed by how much it relies on each feature.
            yield Task("candidate model", MODEL)
        for batch in batches:
            yield Task(periods.label_of(system, batch), BATCH_ASSETS, batch)
        if system.sources.outcomes:
            for batch in batches:
                if periods.part_of(system, batch) == "production":
                    yield Task(f"{periods.label_of(system, batch)} outcomes", OUTCOME_ASSETS, batch)
        yield Task("window", ("review",))

    def run(self, task: Task) -> str:
        """Runs one task; returns what became of it in a few words.

        Raises
        ------
        RunFailed
            A step broke; nothing half-done is kept.
        """
        import dagster as dg

        from assets.factory import key

        if task.batch and self._is_current(task):
            return "nothing new"
        before = self.register.head()[0]
        result = dg.materialize(
            self.assets,
            partition_key=task.batch,
            selection=[key(self.declaration, name) for name in task.assets],
            instance=self.instance,
            tags={"system": self.declaration.id},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        if not result.success:
            raise self._failure(result)
        return self._became(task, before)

    def _is_current(self, task: Task) -> bool:
        from assets.judged.judging import is_current
        from assets.landed.landing import batch_part

        assert task.batch is not None
        part = "outcomes" if "outcomes" in task.assets else batch_part(self.declaration, task.batch)
        return is_current(self.declaration, task.batch, part, site(run="aims"))

    def _became(self, task: Task, before: int) -> str:
        with_held = self._held(task, before)
        if with_held:
            return with_held
        if self.register.head()[0] == before:
            return "nothing new"
        if task.batch is None:
            return "done"
        rows = self.register.verdicts(system=self.declaration.id, batch=task.batch)
        counts = {name: sum(row["verdict"] == name for row in rows) for name in sorted({r["verdict"] for r in rows})}
        said = ", ".join(f"{count} {name}" for name, count in counts.items()) or "measured, not judged"
        return f"{said}{self._restated(task.batch, before)}"

    def _restated(self, batch: str, before: int) -> str:
        """Later batches that were judged anew, because they are compared with this one."""
        if not comparisons_of(self.declaration):
            return ""
        system = self.declaration.system
        known = set(periods.all_batches(system)) - {batch}
        judged = [e for e in self.register.events("batch.judged", f"{self.declaration.id}/") if e.seq > before]
        anew = [b for e in judged if (b := e.subject.split("/", 1)[1]) in known]
        return f"; {', '.join(periods.label_of(system, b) for b in anew)} judged anew" if anew else ""

    def _held(self, task: Task, before: int) -> str | None:
        from assets.landed.landing import batch_part

        if task.batch is None:
            return None
        prefix = f"{self.declaration.id}/{task.batch}/"
        news = [event for event in self.register.events("batch.held", prefix) if event.seq > before]
        if news:
            return f"held back: {news[-1].body['reason']}"
        part = "outcomes" if "outcomes" in task.assets else batch_part(self.declaration, task.batch)
        stands = standing(self.register, f"{prefix}{part}")
        if stands.held:
            return f"held back: {stands.held.body['reason']}"
        if stands.usable is None and stands.discarded:
            return f"discarded: {stands.discarded.body['reason']}"
        return None if stands.newest else "not arrived"

    @staticmethod
    def _failure(result: dg.ExecuteInProcessResult) -> RunFailed:
        for event in result.all_events:
            if event.is_step_failure:
                data = event.step_failure_data
                described = data.user_failure_data.description if data.user_failure_data else None
                if described:
                    return RunFailed(described, ours=False)
                error = data.error.cause if data.error and data.error.cause else data.error
                kind = error.cls_name if error else "unknown"
                return RunFailed(f"{event.step_key} broke ({kind}); run {result.run_id} has the trace.", ours=True)
        return RunFailed(f"run {result.run_id} broke before its first step.", ours=True)


def run_all(runner: Runner, batches: Sequence[str], say: Progress) -> list[str]:
    """Runs every task for these batches in order; returns the lines of those held back.

    A batch that is held back does not stop the others; a step that breaks (`RunFailed`) ends this system's run. A
    candidate that cannot be trained stops no batch: that is told in the end.
    """
    held, untrained = [], None
    for task in runner.tasks(batches):
        try:
            became = runner.run(task)
        except RunFailed as failure:
            if task.assets != MODEL:
                raise
            untrained = failure
            continue
        say(f"{runner.declaration.id} {task.words}: {became}")
        if became.startswith("held back"):
            held.append(f"{runner.declaration.id} {task.words}: {became}")
    if untrained:
        raise untrained
    return held


def alert(declarations: dict[str, Declaration], run: str) -> int:
    """Tells what has not been told, follows every open case, and tells what that found; returns how many were told."""
    from assets.cases.following import follow
    from pipelines.alerts import deliver, tell_faults

    now = site(run=run)
    # Told first: should following break, nobody is left without what a batch has shown.
    told = deliver(declarations, now)
    tell_faults(follow(declarations, now).faults)
    return told + deliver(declarations, now)
