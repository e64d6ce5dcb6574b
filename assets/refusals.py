"""The two ways in which a batch does not come in: it cannot be used as it is, or it is not there yet."""

from __future__ import annotations


class Held(ValueError):
    """The batch cannot be used as it is. The reason names what, where and what to do; it never quotes a value."""


class NotArrived(LookupError):
    """There is nothing to land yet. Not a fault of the data: the watchdog tells when it is overdue."""
