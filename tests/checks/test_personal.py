"""A light guess, with its twins: what must be flagged, and what is called alike and must not be."""

import pytest

from checks.personal import looks_personal, looks_personal_by_name, why_personal


@pytest.mark.parametrize(
    "name",
    [
        "email",
        "E-Mail",
        "customerEmail",
        "phone_number",
        "first_name",
        "LastName",
        "name",
        "birth_date",
        "dateOfBirth",
        "dob",
        "SSN",
        "home_address",
        "Geburtsdatum",
        "passport no",
        "client_ip",
        "zipcode",
        "mobile number",
    ],
)
def test_names_of_contact_and_identity_data_are_flagged(name: str) -> None:
    assert looks_personal_by_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "product_name",
        "file_name",
        "region",
        "age",
        "income_eur",
        "score",
        "sex",
        "emaildomainrank",
        "birthrate",
        "named",
        "number",
        "mobile_os",
        "",
        "🙂",
        "x" * 300,
    ],
)
def test_ordinary_names_are_not(name: str) -> None:
    assert not looks_personal_by_name(name)


@pytest.mark.parametrize(
    "value",
    [
        "a.b@example.org",
        "+49 30 1234567",
        "(030) 1234567",
        "555-123-4567",
        "123-45-6789",
        "DE89 3704 0044 0532 0130 00",
        "192.168.1.10",
    ],
)
def test_shapes_of_contact_and_identity_data_are_known(value: str) -> None:
    assert looks_personal(value)


@pytest.mark.parametrize(
    "value", ["north", "2024-01-02", "01.02.2024", "12", "3.14", "A-12", "user@", "10:30", "1,234,567", "a b c", ""]
)
def test_ordinary_values_are_not(value: str) -> None:
    assert not looks_personal(value)


def test_the_reason_is_said_and_few_values_are_none() -> None:
    assert why_personal("contact", {"e-mail addresses": 0.4}) == "its values look like e-mail addresses"
    assert why_personal("contact", {"e-mail addresses": 0.01}) is None
    assert why_personal("email", {}) == "by its name"
