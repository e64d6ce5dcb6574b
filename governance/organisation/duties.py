"""The shape of `roles.yaml`: which duties belong to which role, and what they take (5.3, 7.2, A.3.2, A.4.6)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from governance.organisation.management import Titled
from governance.people.roles import PEOPLE, Role
from governance.shapes import Identifier, Strict, Text


class Competence(Strict):
    """Something that one must be able to do, and how long a record of it holds."""

    id: Identifier
    description: Text
    valid_months: Annotated[int, Field(ge=1, le=120)] = 36


class Duties(Strict):
    """What a role does, and the competences it needs."""

    duties: Annotated[tuple[Text, ...], Field(min_length=1)]
    competences: tuple[Identifier, ...] = ()


class Separation(Strict):
    """Two roles that one account must not hold at once, and why."""

    roles: tuple[Role, Role]
    because: Text


class Roles(Titled):
    """`roles.yaml`."""

    roles: dict[Role, Duties]
    competences: tuple[Competence, ...] = ()
    separations: tuple[Separation, ...] = ()

    @model_validator(mode="after")
    def _roles_are_described(self) -> Roles:
        described = [competence.id for competence in self.competences]
        silent = sorted(PEOPLE - set(self.roles))
        if silent:
            raise ValueError(f"Nothing says what {silent[0]!r} does: every role of people has its duties.")
        twice = sorted({name for name in described if described.count(name) > 1})
        unknown = sorted({name for duties in self.roles.values() for name in duties.competences} - set(described))
        if twice:
            raise ValueError(f"The competence {twice[0]!r} stands there twice: ids must be unique.")
        if unknown:
            raise ValueError(f"The competence {unknown[0]!r} is needed and not described under `competences`.")
        return self
