"""How a clause or control of the standard is named."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

# 9.2, A.6.2.6. Which ones there are is data (`data/standard`).
Requirement = Annotated[str, StringConstraints(pattern=r"^(A\.)?\d{1,2}(\.\d{1,2}){0,3}$")]
