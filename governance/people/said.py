"""What is said with many acts: a reason, or that one agrees and on what grounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from governance.shapes import Strict, Text

Why = Annotated[Text, Field(description="Why.")]


class Reason(Strict):
    """Why."""

    reason: Why


class Statement(Strict):
    """What somebody says who agrees."""

    statement: Annotated[Text, Field(description="What you looked at, and why you agree.")]
