"""Finds personal data in a text, and takes it out. What is found is told by its form and place, never by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from governance.recognised import contacts, identity_numbers, persons
from governance.recognised.forms import NEAR, Form, Grade

FORMS: tuple[Form, ...] = (*contacts.FORMS, *identity_numbers.FORMS, *persons.FORMS)
# What the built-in recognisers are called in the record; the number goes up when they would find something else.
BUILT_IN = "built-in/2"
# What is often written and nobody's: moments, digests, the ids of runs.
_NOBODYS = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})?|\b[0-9a-f]{32,}\b"
    r"|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\d{4}-\d{2}-\d{2}\b"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Where in a text something was found, and which form it has."""

    form: str
    start: int
    end: int
    grade: Grade


class Recogniser(Protocol):
    """Something else that finds personal data in a text, beside the built-in forms."""

    name: str

    def spans(self, text: str) -> Iterable[Span]:
        """What it finds."""
        ...


def spans_of(form: Form, text: str, *, named: bool = False) -> Iterator[Span]:
    """What has this form. `named`: something outside of the text says that it holds this form."""
    for match in form.pattern.finditer(text):
        start, end = _value(match)
        grade = form.grade(text[start:end])
        if grade is Grade.LIKELY and (named or form.is_named_by(text[max(0, match.start() - NEAR) : match.start()])):
            grade = Grade.SURE
        if grade:
            yield Span(form.name, start, end, grade)


def found_in(text: str, *, more: Iterable[Recogniser] = ()) -> list[Span]:
    """What the text holds, in order and without overlaps: of two in one place the surer, then the longer."""
    masked = without_nobodys(text)
    # A day of birth is the one form that is about a day.
    found = [s for form in FORMS for s in spans_of(form, text if form is persons.BIRTH else masked)]
    found += [span for recogniser in more for span in recogniser.spans(masked)]
    found.sort(key=lambda span: (-span.grade, span.start - span.end, span.start))
    kept: list[Span] = []
    for span in found:
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)


def without_nobodys(text: str) -> str:
    """The text, as long as before, with moments, digests and ids of runs blotted out."""
    return _NOBODYS.sub(lambda match: "\x00" * len(match[0]), text)


def redacted(text: str, *, more: Iterable[Recogniser] = ()) -> str:
    """The text with the name of its form in angle brackets where something was found.

    >>> redacted("write to jane.doe@example.org")
    'write to <e-mail address>'
    """
    found = found_in(text, more=more)
    for span in reversed(found):
        text = f"{text[: span.start]}<{span.form}>{text[span.end :]}"
    return text


def _value(match: re.Match[str]) -> tuple[int, int]:
    for name in ("value", "named"):
        if match.re.groupindex.get(name) and match.group(name) is not None:
            return match.span(name)
    return match.span()
