"""Truth: the examples of RFC 8785 and of FIPS 180, the standard library's JSON, and what SQLite gives back."""

import hashlib
import json
import math
import random
import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.record.canonical import canonical_bytes, digest, digest_of_bytes

plain_text = st.text(st.characters(codec="utf-8"), max_size=8)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | plain_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_text, inner, max_size=5),
    max_leaves=15,
)


def test_strings_and_literals_are_written_as_in_section_3_2_4_of_the_rfc():
    # The RFC's example without its numbers, which enter as text here.
    value = {"string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/", "literals": [None, True, False]}
    assert canonical_bytes(value) == bytes.fromhex(
        "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c"
        "22737472696e67223a22e282ac245c75303030665c6e4127425c225c5c5c5c5c222f227d"
    )


def test_keys_are_sorted_by_utf_16_units_as_in_section_3_2_3_of_the_rfc():
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert list(json.loads(canonical_bytes(value)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


@given(documents, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_keys_never_matters(value: object, shuffler: random.Random):
    def shuffled(item: object) -> object:
        if isinstance(item, dict):
            keys = list(item)
            shuffler.shuffle(keys)
            return {key: shuffled(item[key]) for key in keys}
        return [shuffled(part) for part in item] if isinstance(item, list) else item

    assert canonical_bytes(shuffled(value)) == canonical_bytes(value)


@given(documents)
@settings(deadline=None)
def test_what_is_written_is_the_json_of_the_same_document(value: object):
    assert json.loads(canonical_bytes(value)) == value


@given(st.floats(allow_nan=False))
@settings(deadline=None)
def test_a_number_survives_the_way_to_text_and_back(number: float):
    assert float(json.loads(canonical_bytes(number))) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.1, "0.1"),
        (1.0, "1.0"),
        (-0.0, "0.0"),
        (1e30, "1e+30"),
        (5e-324, "5e-324"),
        (333333333.33333329, "333333333.3333333"),
        (math.inf, "inf"),
        (np.float64(0.25), "0.25"),
    ],
)
def test_a_measured_number_enters_as_its_shortest_decimal_string(number: float, text: str):
    assert canonical_bytes({"value": number}) == f'{{"value":"{text}"}}'.encode()


@given(st.floats(allow_nan=False))
@settings(deadline=None)
def test_a_number_that_a_database_gives_back_has_the_same_digest(number: float):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE kept (value REAL)")
    connection.execute("INSERT INTO kept VALUES (?)", (number,))
    (kept,) = connection.execute("SELECT value FROM kept").fetchone()
    connection.close()
    assert digest([kept]) == digest([number])


def test_counts_stay_numbers_and_tuples_are_lists():
    assert canonical_bytes({"n": 3, "path": ("a", ("b",))}) == b'{"n":3,"path":["a",["b"]]}'


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param({"value": math.nan}, "NaN has no canonical form", id="NaN"),
        pytest.param({1: "a", "1": "b"}, "Keys must differ as text", id="two keys with one name"),
        pytest.param({"value": b"abc"}, "unsupported type", id="bytes"),
        pytest.param({"value": {1, 2}}, "unsupported type", id="a set, which has no order"),
        pytest.param({"n": 2**60}, "exceeds safe integer domain", id="a count that other readers would round"),
    ],
)
def test_what_has_no_one_form_is_refused(value: object, words: str):
    with pytest.raises(ValueError, match=words):
        canonical_bytes(value)


def test_digests_are_sha_256_in_hexadecimal():
    # FIPS 180-4's "abc", and `printf '{}' | sha256sum`.
    assert digest_of_bytes(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert digest({"b": 1, "a": [None]}) == hashlib.sha256(b'{"a":[null],"b":1}').hexdigest()
