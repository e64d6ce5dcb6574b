"""NannyML's own estimates on the car loans that its wheel ships: the table that ours are held against.

`python -m benchmarks.nannyml_estimates` makes NannyML's environment if need be, runs its CBPE and its performance
calculator on ten chunks of 5,000 rows there, and writes `tests/monitors/nannyml_car_loans.json`. Tests read that file
and need neither NannyML nor a network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import files
from benchmarks.nannyml_environment import VERSION, build

TABLE = Path(__file__).resolve().parents[1] / "tests" / "monitors" / "nannyml_car_loans.json"
METRICS = ("roc_auc", "accuracy", "precision", "recall", "specificity", "f1")
ROWS = 5_000

IN_ITS_ENVIRONMENT = f"""
import json, nannyml
reference, analysis, targets = nannyml.load_synthetic_car_loan_dataset()
asked = dict(
    metrics={list(METRICS)!r}, y_pred_proba="y_pred_proba", y_pred="y_pred", y_true="repaid",
    timestamp_column_name="timestamp", problem_type="classification_binary", chunk_size={ROWS},
)
def table(found):
    frame = found.filter(period="analysis").to_df()
    return {{metric: [float(value) for value in frame[metric]["value"]] for metric in asked["metrics"]}}
estimator, calculator = nannyml.CBPE(**asked), nannyml.PerformanceCalculator(**asked)
estimator.fit(reference)
calculator.fit(reference)
print(json.dumps({{
    "estimated": table(estimator.estimate(analysis)),
    "realised": table(calculator.calculate(analysis.merge(targets, on="id"))),
}}))
"""


def main() -> None:
    """Writes the table anew."""
    python = build(files.data_folder(None))
    environment = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1"}
    done = subprocess.run(
        [str(python), "-W", "ignore", "-c", IN_ITS_ENVIRONMENT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    made = {"nannyml": VERSION, "rows": ROWS, **json.loads(done.stdout.splitlines()[-1])}
    TABLE.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
