"""The Dagster code location: every declared system, one landing sensor, one schedule per cadence, a watchdog.

A system whose declaration has faults is left out of the graph, shows in the failing check
`all_declarations_are_sound`, and keeps none of the others from running.
"""

import dagster as dg

from assets.factory import assets_of
from checks.declared import load_checked
from governance.declared.declarations import Declarations, systems_folder
from governance.recognised.withholding import redact_logs
from pipelines.automation import cadence_schedules, landing_sensor, run_failure_sensor, watchdog_sensor


def declared_systems(found: Declarations) -> list[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """The asset that stands for the declarations themselves, with its check."""

    @dg.asset(
        key=["aims", "declarations"],
        description="Every declared AI system (4.3, A.4.2).",
        group_name="aims",
        owners=["team:aims"],
    )
    def declarations() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"sound": sorted(found.sound), "with_faults": sorted(found.faults)})

    @dg.asset_check(asset=declarations, description="No declaration has a fault.")
    def all_declarations_are_sound() -> dg.AssetCheckResult:
        lines = [str(fault) for faults in found.faults.values() for fault in faults]
        return dg.AssetCheckResult(passed=not lines, description="\n".join(lines) or "all sound")

    return [declarations, all_declarations_are_sound]


@dg.definitions
def defs() -> dg.Definitions:
    """Everything, from `AIMS_SYSTEMS` or the shipped systems."""
    redact_logs()
    found = load_checked(systems_folder())
    made = [asset for declaration in found.sound.values() for asset in assets_of(declaration)]
    register = declared_systems(found)
    return dg.Definitions(
        assets=[*made, register[0]],
        asset_checks=[register[1]],
        schedules=cadence_schedules(found.sound),
        sensors=[landing_sensor(found.sound), watchdog_sensor(found.sound), run_failure_sensor(found.sound)],
        executor=dg.in_process_executor,
    )
