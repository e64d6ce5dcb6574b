"""The shapes that every document and every act is made of: closed models, ids, and who can be named.

Unknown keys are refused: a misspelt key that is silently ignored is a rule that silently does not hold.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,40}$")]
Party = Annotated[str, StringConstraints(pattern=r"^(team:[A-Za-z0-9_-]+|[^@\s]+@[^@\s]+\.[^@\s]+)$")]
# Who answers for something is named in the record, which holds no address of anybody: a team, or an account's id.
AccountId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9._-]{1,40}$")]
Team = Annotated[str, StringConstraints(pattern=r"^team:[A-Za-z0-9_-]+$")]
Answerable = Annotated[str, StringConstraints(pattern=r"^(team:[A-Za-z0-9_-]+|[a-z][a-z0-9._-]{1,40})$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(min_length=3, strip_whitespace=True)]


class Strict(BaseModel):
    """Frozen, closed to keys that are not declared here, and to numbers that no value could ever exceed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
