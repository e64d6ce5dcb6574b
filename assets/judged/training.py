"""A candidate model from the declared training snapshot, with what it shows on held-out rows (A.6.2.3, A.6.2.4).

Training and release are kept apart: this trains and measures. Releasing is a person's act.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.code import code_digest
from assets.judged.taught import note_overlap
from assets.kept.home import Home, Site
from assets.kept.lake import keep_file, verified
from assets.kept.stored import found_whole
from assets.landed import lineage_events
from assets.landed.checking import land_and_check
from governance.declared.declarations import Declaration
from governance.declared.system import Model

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

# Held-out rows, shuffled already, on which the model's reliance on each feature is measured.
IMPORTANCE_ROWS, IMPORTANCE_REPEATS = 5_000, 5


@lineage_events.tells("train", lineage_events.trained)
def train(declaration: Declaration, site: Site) -> dict[str, Any]:
    """Trains the declared candidate once per snapshot, declaration and code. Returns the body of its event.

    Raises
    ------
    Held, NotArrived
        The training snapshot cannot be used: no model is trained on data that failed its checks.
    """
    model = declaration.model
    if model is None:
        raise LookupError(f"{declaration.id} declares no model.")
    checked = land_and_check(declaration, "training", "training", site)
    inputs = {
        "data": checked.landing.digest,
        "model": declaration.digests["model.yaml"],
        "code": code_digest(),
    }
    last = site.register.last("model.trained", f"{declaration.id}/{model.name}")
    note_overlap(declaration, site)
    if last and last.body["inputs"] == inputs and _is_whole(last.body, site):
        return last.body
    pipeline, metrics, reliance = _fit(declaration, model, checked.landing.path)
    digest, _ = keep_file(site.home.models, ".joblib", lambda path: _dump(pipeline, path))
    body = {
        "inputs": inputs,
        "model": digest,
        "estimator": model.estimator,
        "features": list(model.features),
        "seed": model.seed,
        "snapshot": {
            "met": checked.met,
            "unmet": list(checked.unmet),
            "not_evaluated": list(checked.not_evaluated),
            "tool_failed": checked.tool_failed,
        },
        "metrics": metrics,
        "reliance": reliance,
        "release": [_held_against(item.metric, item.limit, metrics) for item in model.release],
        "run": site.run,
    }
    site.register.record("model.trained", f"{declaration.id}/{model.name}", body, at=site.at)
    return body


def model_file(place: Home, digest: str) -> Path:
    """The trained model of that digest, its bytes verified: a file that was altered can do anything when it is loaded.

    Raises
    ------
    Altered
        It is gone, or is another one now.
    """
    return verified(place.models, digest, ".joblib")


def _is_whole(trained: dict[str, Any], site: Site) -> bool:
    return found_whole(site, lambda: model_file(site.home, trained["model"]), model=trained["model"])


def _fit(declaration: Declaration, model: Model, path: Path) -> tuple[Pipeline, dict[str, Any], dict[str, Any]]:
    """The pipeline, what it shows on held-out rows, and how much it relies on each feature there."""
    import numpy as np
    import pandas as pd
    from sklearn.model_selection import train_test_split
    from threadpoolctl import threadpool_limits

    label, is_regression = declaration.system.the("label") or "", declaration.system.task == "regression"
    rows = pd.read_parquet(path, columns=[*model.features, label])
    known = np.isfinite(rows[label].astype("float64")) if is_regression else rows[label].notna()
    rows = rows[known]
    taught, held_out = train_test_split(
        rows, test_size=model.holdout_share, random_state=model.seed, stratify=None if is_regression else rows[label]
    )
    pipeline = _pipeline(declaration, model)
    # One thread: sums in one order, so that the same snapshot gives the same model; and no spinning on a busy machine.
    with threadpool_limits(1):
        pipeline.fit(taught[list(model.features)], taught[label])
        seen = held_out[list(model.features)]
        shown = _errors(pipeline, seen, held_out[label]) if is_regression else _hits(pipeline, seen, held_out[label])
    metrics = {
        **shown,
        "rows_taught": len(taught),
        "rows_held_out": len(held_out),
        "rows_without_label": int((~known).sum()),
    }
    asked, scoring = held_out.head(IMPORTANCE_ROWS), "r2" if is_regression else "roc_auc"
    return (
        pipeline,
        metrics,
        importances(pipeline, asked[list(model.features)], asked[label], model.seed, scoring=scoring),
    )


def _hits(pipeline: Pipeline, seen: Any, label: Any) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, roc_auc_score

    score = pipeline.predict_proba(seen)[:, 1]
    return {
        "roc_auc": float(roc_auc_score(label, score)),
        "accuracy": float(accuracy_score(label, score >= 0.5)),
    }


def _errors(pipeline: Pipeline, seen: Any, label: Any) -> dict[str, float]:
    from sklearn.metrics import mean_absolute_error, r2_score

    prediction = pipeline.predict(seen)
    return {
        "mean_absolute_error": float(mean_absolute_error(label, prediction)),
        "r_squared": float(r2_score(label, prediction)),
    }


def importances(
    pipeline: Pipeline, rows: pd.DataFrame, label: pd.Series, seed: int, *, scoring: str = "roc_auc"
) -> dict[str, Any]:
    """What a model loses of `scoring` when one feature is shuffled among these rows, `IMPORTANCE_REPEATS` times.

    Features that say the same share what they are worth: shuffling one leaves the other.

    References
    ----------
    L. Breiman (2001), Machine Learning 45, 5-32, doi:10.1023/A:1010933404324, section 10.
    """
    from sklearn.inspection import permutation_importance
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        lost = permutation_importance(
            pipeline, rows, label, scoring=scoring, n_repeats=IMPORTANCE_REPEATS, random_state=seed
        ).importances_mean
    return {"importances": dict(zip(rows.columns, lost.tolist(), strict=True)), "rows": len(rows)}


def _pipeline(declaration: Declaration, model: Model) -> Pipeline:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    categorical = [name for name in model.features if declaration.kind(name) == "categorical"]
    numeric = [name for name in model.features if name not in categorical]
    if model.estimator == "gradient_boosting":
        # Trees take categories as they are: codes, with what was not seen in training as missing.
        codes = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=10, max_categories=250
        )
        prepared = make_column_transformer((codes, categorical), ("passthrough", numeric))
        places = list(range(len(categorical)))
        is_regression = declaration.system.task == "regression"
        trees = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
        return make_pipeline(prepared, trees(random_state=model.seed, categorical_features=places))
    encoded = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)
    measured = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    prepared = make_column_transformer((encoded, categorical), (measured, numeric))
    fitted = LinearRegression() if model.estimator == "linear_regression" else LogisticRegression(max_iter=1000)
    return make_pipeline(prepared, fitted)


def _held_against(metric: str, limit: float, metrics: dict[str, Any]) -> dict[str, Any]:
    value, is_error = metrics[metric], metric == "mean_absolute_error"
    side, met = ("at most", value <= limit) if is_error else ("at least", value >= limit)
    reason = f"{metric} {value:.4f} on {metrics['rows_held_out']} held-out rows, must be {side} {limit:g}"
    return {"metric": metric, "limit": limit, "value": value, "met": met, "reason": reason}


def _dump(pipeline: Pipeline, path: Path) -> None:
    import joblib

    buffer = io.BytesIO()
    joblib.dump(pipeline, buffer)
    path.write_bytes(buffer.getvalue())
