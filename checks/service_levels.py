"""Service levels of a contract (`slaProperties`): how old a batch may be when it lands, and how often one comes.

Decided here: which properties can be seen from a batch. Latency and freshness are the age of the newest value of a
time column when the batch was landed; frequency is the time from the newest value of the batch before to that of this
one. The standard's other properties are about the service that delivers, of which nothing is seen here: each is not
evaluated, with the reason, and never met.

A day lasts until its midnight (UTC), so a date is as young as anything on it. `m` is minutes, `mo` months; months and
years are the calendar's. An unmet level never holds a batch back: it is late, and still the data.
"""

import calendar
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from open_data_contract_standard.model import OpenDataContractStandard, ServiceLevelAgreementProperty

from checks.column_rules import column_name
from checks.contract import the_table
from checks.expectations import RuleOutcome, RuleResult
from checks.rules import ContractFault, is_number

if TYPE_CHECKING:
    import pyarrow as pa

_SERVED = "that is seen where the data is served from, and not in a batch"
NOT_SEEN = {
    "availability": _SERVED,
    "throughput": _SERVED,
    "errorRate": _SERVED,
    "generalAvailability": "a date that was agreed; no batch shows whether it was kept",
    "endOfSupport": "a date that was agreed; no batch shows whether it was kept",
    "endOfLife": "a date that was agreed; no batch shows whether it was kept",
    "retention": "what a supplier keeps or deletes is not seen in a batch",
    "timeOfAvailability": "when the data stood ready at its source is not seen, only when it was landed",
    "timeToDetect": "that is known to whoever works on incidents, and not in a batch",
    "timeToNotify": "that is known to whoever works on incidents, and not in a batch",
    "timeToRepair": "that is known to whoever works on incidents, and not in a batch",
}
SEEN = ("latency", "freshness", "frequency")
_UNKNOWN = f"it is none of the standard's properties; a batch shows {', '.join(SEEN[:-1])} and {SEEN[-1]}"
_SYNONYMS = {
    "ly": "latency",
    "fy": "frequency",
    "av": "availability",
    "th": "throughput",
    "er": "errorRate",
    "ga": "generalAvailability",
    "es": "endOfSupport",
    "el": "endOfLife",
    "re": "retention",
    "td": "timeToDetect",
    "tn": "timeToNotify",
    "tr": "timeToRepair",
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MONTHS = {"mo": 1, "q": 3, "y": 12}
_UNITS = {
    "s": ("s", "sec", "second", "seconds"),
    "m": ("m", "min", "minute", "minutes"),
    "h": ("h", "hr", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "wk", "week", "weeks"),
    "mo": ("mo", "mon", "month", "months"),
    "q": ("q", "quarter", "quarters"),
    "y": ("y", "yr", "year", "years"),
}


@dataclass(frozen=True)
class Level:
    """One agreed level; `property` is the standard's name. Of what is not seen, only that is kept."""

    rule: str
    property: str
    column: str | None = None
    number: float = 0
    unit: str = "d"
    why_not: str | None = None


@dataclass(frozen=True)
class Newest:
    """The newest value of a column: its moment (UTC, no zone), or why there is none."""

    moment: dt.datetime | None = None
    why: str | None = None
    tool_failed: bool = False


@dataclass(frozen=True)
class Arrival:
    """What is known of a batch's landing: when (UTC), and the newest values of its columns and of the batch before.

    `before` is None where no batch came before.
    """

    landed_at: dt.datetime
    newest: Mapping[str, Newest]
    before: Mapping[str, Newest] | None


def levels_of(contract: OpenDataContractStandard, time_column: str | None = None) -> tuple[Level, ...]:
    """Every level of the contract. `time_column` is what a level without an element is about.

    Raises
    ------
    ContractFault
        A level that could be evaluated is not written so that it can.
    """
    found: list[Level] = []
    for item in contract.slaProperties or ():
        for level in _levels(item, contract, time_column):
            same = sum(level.rule == other.rule.split(" (")[0] for other in found)
            found.append(level if not same else _renamed(level, f"{level.rule} ({same + 1})"))
    return tuple(found)


def _renamed(level: Level, rule: str) -> Level:
    return Level(rule, level.property, level.column, level.number, level.unit, level.why_not)


def _levels(
    item: ServiceLevelAgreementProperty, contract: OpenDataContractStandard, time_column: str | None
) -> Iterator[Level]:
    if not item.property:
        raise ContractFault(f"slaProperties: {item.id or 'a level'} must have a property, such as {', '.join(SEEN)}.")
    name = _property(item.property)
    rule = f"service level: {item.id or name}"
    if name not in SEEN:
        yield Level(rule, name, why_not=NOT_SEEN.get(name, _UNKNOWN))
        return
    number, unit = _number(rule, item), _unit(rule, item)
    if unit in _MONTHS and number != int(number):
        raise ContractFault(f"{rule}: value must be a whole number of {unit}, got {item.value!r}.")
    elements: list[str | None] = [
        part.strip() for part in (item.element or contract.slaDefaultElement or "").split(",") if part.strip()
    ]
    for element in elements or [None]:
        column, why = _column(rule, element, contract) if element else (time_column, None)
        if column is None and why is None:
            why = "it names no element, and no column has the role time: name the column that it is about as `element`"
        yield Level(f"{rule}, {element}" if len(elements) > 1 else rule, name, column, number, unit, why)


def _property(written: str) -> str:
    known = {name.casefold(): name for name in (*SEEN, *NOT_SEEN)} | _SYNONYMS
    return known.get(written.casefold(), written)


def _number(rule: str, item: ServiceLevelAgreementProperty) -> float:
    value = item.value
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if value is None or not is_number(value) or value <= 0:
        raise ContractFault(f"{rule}: value must be a number above 0, got {item.value!r}.")
    return float(value)


def _unit(rule: str, item: ServiceLevelAgreementProperty) -> str:
    for unit, names in _UNITS.items():
        if (item.unit or "d").casefold() in names:
            return unit
    raise ContractFault(f"{rule}: unit must be one of {', '.join(_UNITS)}, got {item.unit!r}.")


def _column(rule: str, element: str, contract: OpenDataContractStandard) -> tuple[str | None, str | None]:
    """The batch's column that an element names; or why it is none."""
    table = the_table(contract)
    parts = element.split(".")
    if len(parts) > 1 and parts[0] not in (table.name, table.physicalName):
        if parts[0] in [other.name for other in contract.schema_ or ()]:
            return None, f"{element} is in a lookup, which comes with no batch: name a column of {table.name}"
        tables = ", ".join(other.name or "" for other in contract.schema_ or ())
        raise ContractFault(f"{rule}: element must be in a table of the contract ({tables}), got {element!r}.")
    for prop in table.properties or ():
        if parts[-1] in (prop.name, column_name(prop)):
            return column_name(prop), None
    raise ContractFault(f"{rule}: element must be a column of {table.name}, got {element!r}.")


# Evaluating


def columns_of(levels: Sequence[Level]) -> tuple[str, ...]:
    """The columns whose newest value is asked for."""
    return tuple(dict.fromkeys(level.column for level in levels if level.column and level.why_not is None))


def evaluate(levels: Sequence[Level], arrival: Arrival) -> tuple[RuleResult, ...]:
    """One result a level. None of them blocks."""
    return tuple(_evaluate(level, arrival) for level in levels)


def _evaluate(level: Level, arrival: Arrival) -> RuleResult:
    if level.why_not is not None or level.column is None:
        return _not_evaluated(level, f"{level.property}: {level.why_not}")
    newest = arrival.newest[level.column]
    if newest.moment is None:
        return _not_evaluated(level, f"{level.property}: {newest.why}", newest.tool_failed)
    limit = f"must be at most {level.number:g} {level.unit}"
    if level.property != "frequency":
        age = f"the newest {level.column} was {_spell(newest.moment, arrival.landed_at)} old when it landed, {limit}"
        return _judged(level, newest.moment, arrival.landed_at, age)
    before = arrival.before[level.column] if arrival.before is not None else None
    if before is None or before.moment is None:
        why = "there is no batch before this one" if before is None else f"of the batch before, {before.why}"
        return _not_evaluated(level, f"frequency: {why}", bool(before and before.tool_failed))
    gap = _spell(before.moment, newest.moment)
    what = f"{gap} lie between the newest {level.column} of the batch before and of this one, {limit}"
    return _judged(level, before.moment, newest.moment, what)


def _judged(level: Level, since: dt.datetime, until: dt.datetime, reason: str) -> RuleResult:
    outcome = RuleOutcome.MET if until <= _later(since, level.number, level.unit) else RuleOutcome.UNMET
    return RuleResult(level.rule, level.column, outcome, False, None, None, reason, dimension="timeliness")


def _not_evaluated(level: Level, reason: str, tool_failed: bool = False) -> RuleResult:
    return RuleResult(
        level.rule, level.column, RuleOutcome.NOT_EVALUATED, False, None, None, reason, tool_failed, "timeliness"
    )


def _later(moment: dt.datetime, number: float, unit: str) -> dt.datetime:
    if unit in _SECONDS:
        return moment + dt.timedelta(seconds=number * _SECONDS[unit])
    months = moment.month - 1 + int(number) * _MONTHS[unit]
    year, month = moment.year + months // 12, months % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def _spell(since: dt.datetime, until: dt.datetime) -> str:
    seconds = max((until - since).total_seconds(), 0)
    unit = next((u for u in ("d", "h", "m") if seconds >= _SECONDS[u]), "s")
    return f"{seconds / _SECONDS[unit]:.3g} {unit}" if seconds < 1000 * _SECONDS["d"] else f"{seconds / 86400:.0f} d"


# Looking


def newest_in(parquet: Path, columns: Sequence[str]) -> dict[str, Newest]:
    """The newest value of each column: one number a column leaves the engine. A broken column spares the others."""
    import pyarrow.parquet

    schema = pyarrow.parquet.read_schema(parquet)
    return {name: _newest(parquet, name, schema) for name in columns}


def _newest(parquet: Path, column: str, schema: "pa.Schema") -> Newest:
    import duckdb
    import pyarrow.types as is_

    names = schema.names
    if column not in names:
        return Newest(why=f"{column} is not in the file")
    kind = schema.field(names.index(column)).type
    if not (is_.is_date(kind) or is_.is_timestamp(kind)):
        return Newest(why=f"{column} is {kind}, and neither a date nor a timestamp")
    plain = ", ".join(f"c{place}" for place in range(len(names)))
    query = f"SELECT max(c{names.index(column)}) FROM read_parquet(?) AS source({plain})"
    try:
        with duckdb.connect(":memory:") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            row = connection.execute(query, [str(parquet)]).fetchone()
    except duckdb.Error as fault:
        why = f"the check itself failed ({column} cannot be read: {type(fault).__name__}), so nothing is known"
        return Newest(why=why, tool_failed=True)
    value = row[0] if row else None
    if value is None:
        return Newest(why=f"{column} has no value, so there was nothing to look at")
    if isinstance(value, dt.datetime):
        return Newest(value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value)
    return Newest(dt.datetime.combine(value, dt.time()) + dt.timedelta(days=1))
