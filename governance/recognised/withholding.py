"""What is said of an exception that nobody foresaw: its class and where it was raised, never its text.

A library quotes what it stumbled over, and that can be a row. The text of a fault that we raise ourselves names counts
and columns and is told, redacted all the same.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from governance.recognised.reading import redacted

WITHHELD = "its text is withheld, since it may quote data"


class Withheld(RuntimeError):
    """Stands for an exception that nobody foresaw; a subclass of its own bears the name of that one's class."""


def withheld(error: BaseException) -> Withheld:
    """What to raise in the place of an exception: the same class name and trace, without the text."""
    named: type[Withheld] = type(type(error).__name__, (Withheld,), {})
    return named(f"{place_of(error)}; {WITHHELD}").with_traceback(error.__traceback__)


def place_of(error: BaseException) -> str:
    """`KeyError in assets/landed/landing.py:71 (land)`."""
    frames = traceback.extract_tb(error.__traceback__)
    name = type(error).__name__
    return f"{name} in {_short(frames[-1].filename)}:{frames[-1].lineno} ({frames[-1].name})" if frames else name


def trace_of(error: BaseException) -> str:
    """The whole trace, with what led to it, without any text of an exception."""
    lines: list[str] = []
    for one in _chain(error):
        lines += traceback.format_tb(one.__traceback__)
        lines.append(f"{place_of(one)}; {WITHHELD}\n")
    return "".join(lines)


class unspoken:
    """Around what may break in a way that nobody foresaw: what leaves it is told by class and place.

    Exceptions of the `spoken` classes are ours, and leave it as they are.
    """

    def __init__(self, *spoken: type[BaseException]) -> None:
        self._spoken = spoken

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, (*self._spoken, Withheld)):
            raise withheld(error) from None


def redact_logs() -> None:
    """From now on every record of every logger of this process is redacted, whoever handles it; may be repeated."""
    before = logging.getLogRecordFactory()
    if getattr(before, "redacts", False):
        return

    def made(*arguments: object, **named: object) -> logging.LogRecord:
        record = before(*arguments, **named)
        record.msg, record.args = redacted(_message(record)), ()
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = trace_of(record.exc_info[1]).rstrip("\n")
        return record

    vars(made)["redacts"] = True
    logging.setLogRecordFactory(made)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # a format that its arguments do not fit
        return str(record.msg)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """What led to it, the first cause first."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _chain(before)
    yield error


def _short(path: str) -> str:
    return "/".join(Path(path).parts[-2:])
