"""Every kind of event that this program can append, so that what is said of a kind can be held against the list."""

from __future__ import annotations

from governance.processes import AUTOMATIC, RECORDED

# What the pipeline appends about batches, models and itself. What belongs to a process is named there (`AUTOMATIC`).
PIPELINE = frozenset(
    {
        "alert.sent",
        "batch.absent",
        "batch.checked",
        "batch.cleared",
        "batch.held",
        "batch.judged",
        "batch.landed",
        "batch.reported",
        "environment.found",
        "file.altered",
        "key.kept",
        "ledger.anchored",
        "ledger.checkpointed",
        "ledger.named",
        "model.overlap",
        "lookup.held",
        "lookup.landed",
        "model.trained",
        "profile.kept",
        "reference.frozen",
        "run.failed",
    }
)
KINDS = PIPELINE | AUTOMATIC | {act.kind for act in RECORDED}
