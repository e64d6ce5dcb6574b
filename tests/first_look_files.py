"""Two files as a newcomer would have them, with faults that can be planted; and secrets that must never be shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SECRET = "Quixotrandom"


def loans(rows: int, seed: int, *, shift_sd: float = 0.0, nulls: float = 0.0, new: float = 0.0) -> pd.DataFrame:
    """Loans from one law; `shift_sd` moves income, `nulls` empties debt ratios, `new` is the share of a new channel."""
    rng = np.random.default_rng(seed)
    late = rng.random(rows) < 0.3
    frame = pd.DataFrame(
        {
            "income": rng.normal(3000 + 500 * shift_sd, 500, rows).round(2),
            "debt_ratio": rng.beta(2, 5, rows).round(4),
            "children": rng.poisson(1.1, rows),
            "region": rng.choice(["north", "south"], rows, p=[0.6, 0.4]),
            "channel": rng.choice(["web", "branch", "partner"], rows, p=[0.6, 0.3, 0.1]),
            "sex": rng.choice(["female", "male"], rows),
            "score": np.clip(rng.normal(np.where(late, 0.62, 0.4), 0.15), 0, 1).round(4),
            "late": np.where(late, "yes", "no"),
        }
    )
    frame.loc[rng.random(rows) < nulls, "debt_ratio"] = np.nan
    frame.loc[rng.random(rows) < new, "channel"] = "app"
    return frame


def with_persons(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with columns that name a person: by their name, by their values, and as an identifier or a text."""
    rows = range(len(frame))
    return frame.assign(
        full_name=[f"Wilhelmina {SECRET} {i}" for i in rows],
        contact=[f"w{i}@{SECRET.lower()}.org" for i in rows],
        birth_date=pd.to_datetime("1971-03-04"),
        reference_code=[f"{SECRET}-{i}" for i in rows],
        comment=[f"the customer {SECRET} called about the loan again on day {i * 7919 % 10_000:04d}" for i in rows],
        rare=[SECRET if i < 9 else "common" for i in rows],
        nobody=[f"{SECRET.lower()}@work.org" if i % 30 == 0 else "none" for i in rows],
    )


def write(frame: pd.DataFrame, path: Path) -> Path:
    """As CSV or Parquet, by the name."""
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path
