"""How much a model relies on each feature, by whoever says so: the declaration, or a candidate trained here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.kept.home import Site
from governance.declared.declarations import Declaration
from governance.record.ledger import Event

if TYPE_CHECKING:
    from monitors.reliance import Reliance


def reliance_of(declaration: Declaration, site: Site) -> Reliance:
    """What is known, and who says it. What is declared wins as a whole: two units do not mix.

    A candidate speaks for the features that it takes and for no others: it is not the model in use.
    """
    from monitors.reliance import Reliance, shares_of

    features = declaration.system.having("feature")
    declared = _declared(declaration)
    if declared:
        return Reliance(features, shares_of(declared), "declared in system.yaml")
    trained = _trained(declaration, site)
    if trained is None:
        return Reliance(features, {}, "nobody declared it, and no model was trained here")
    found = trained.body["reliance"]
    source = (
        f"permutation importance on {found['rows']:,} held-out rows of the candidate "
        f"{declaration.model.name if declaration.model else ''}, which need not be the model in use"
    )
    # The ledger holds decimals as text.
    weights = {name: float(weight) for name, weight in found["importances"].items()}
    return Reliance(features, shares_of(weights), source)


def reliance_inputs(declaration: Declaration, site: Site) -> dict[str, str | None]:
    """The candidate whose reliance is used, by digest: trained anew, it restates what rested on it."""
    trained = None if _declared(declaration) else _trained(declaration, site)
    return {"model": trained.body["model"]} if trained else {}


def _declared(declaration: Declaration) -> dict[str, float]:
    columns = declaration.system.columns.items()
    return {name: column.reliance for name, column in columns if column.reliance is not None}


def _trained(declaration: Declaration, site: Site) -> Event | None:
    """The newest candidate, if its importances were kept."""
    if declaration.model is None:
        return None
    event = site.register.last("model.trained", f"{declaration.id}/{declaration.model.name}")
    return event if event and "reliance" in event.body else None
