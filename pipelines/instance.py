"""Dagster's own instance under `AIMS_HOME`: a view of what ran. Telemetry is off; nothing reports to anybody."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from assets.kept.home import Home
from assets.kept.lake import keep_text

if TYPE_CHECKING:
    import dagster as dg

CONFIG = """\
telemetry: {enabled: false}
nux: {enabled: false}
run_monitoring: {enabled: true, start_timeout_seconds: 180, max_runtime_seconds: 7200, poll_interval_seconds: 30}
concurrency:
  runs:
    max_concurrent_runs: 2
    tag_concurrency_limits: [{key: system, value: {applyLimitPerUniqueValue: true}, limit: 1}]
sensors: {use_threads: true, num_workers: 2}
retention:
  sensor: {purge_after_days: {skipped: 3, success: 90, failure: 365}}
"""


def prepare(home: Home) -> Path:
    """The instance's folder with its configuration; telemetry off here and in child processes."""
    home.register()
    config = home.dagster / "dagster.yaml"
    if not config.exists():
        keep_text(config, CONFIG)
    quiet = {"DAGSTER_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "GX_ANALYTICS_ENABLED": "false"}
    os.environ.update(quiet | {"DAGSTER_HOME": str(home.dagster), "AIMS_HOME": str(home.root)})
    return home.dagster


def instance(home: Home) -> dg.DagsterInstance:
    """The instance, made ready once before several processes can meet in it."""
    import dagster as dg

    return dg.DagsterInstance.from_config(str(prepare(home)))
