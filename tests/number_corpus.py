"""Made-up columns of whole numbers: those that identify persons, and hard ones that are nobody's.

What is nobody's is what systems count out: running and stepped keys, times in every unit, days, amounts, codes with
check digits of other kinds. Nothing here is drawn twice alike: a column is told by its kind and its number.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from tests.personal_corpus import MADE, Draw, digits, luhn, weighed

Column = Callable[[Draw, int], list[int]]


def swedish_of_ten(draw: Draw) -> str:
    return MADE["Swedish personal number"][0](draw)


def bare(form: str, draw: Draw) -> str:
    """One number of a form, its digits alone."""
    made = re.sub(r"\D", "", MADE[form][0](draw))
    if form == "Swedish personal number" and draw.random() < 0.5:
        return f"19{made}"
    return made


# What has a check digit and nothing but digits.
NUMBERED = (
    "payment card number", "UK NHS number", "German tax number", "French social security number",
    "Dutch citizen service number", "Belgian national number", "Polish PESEL", "Swedish personal number",
    "Norwegian birth number", "Swiss insurance number", "Brazilian CPF", "Indian Aadhaar number",
    "Canadian social insurance number",
)  # fmt: skip


def persons(form: str, draw: Draw, count: int) -> list[int]:
    """A column of whole numbers of one form: noughts at their beginning are lost."""
    return [int(bare(form, draw)) for _ in range(count)]


def with_wrong_check(form: str, draw: Draw, count: int) -> list[int]:
    """The clean twin: the same numbers, their last digit drawn anew."""
    return [number // 10 * 10 + draw.randrange(10) for number in persons(form, draw, count)]


def telephones(draw: Draw, count: int) -> list[int]:
    """With the country and without, as they are left when signs and noughts are gone."""
    start = draw.choice(["1201555", "44207946", "4930", "3316", "30", "151", "86138", "9198"])
    return [int(start + digits(draw, draw.choice([10, 11, 12]) - len(start))) for _ in range(count)]


def _running(draw: Draw, count: int) -> list[int]:
    start, step = (
        _start(draw),
        draw.choice([1, 1, 1, 2, 3, 5, 7, 8, 9, 10, 11, 13, 16, 17, 97, 99, 100, 101, 110, 1000]),
    )
    return [start + step * place for place in range(count)]


def _gaps(draw: Draw, count: int) -> list[int]:
    number, made = _start(draw), []
    widest = draw.choice([3, 20, 500])
    for _ in range(count):
        number += draw.randrange(1, widest)
        made.append(number)
    return made


def _start(draw: Draw) -> int:
    return draw.choice([10 ** draw.randrange(8, 17), draw.randrange(10**8, 10 ** draw.randrange(9, 18))])


def _random(draw: Draw, count: int) -> list[int]:
    size = draw.randrange(9, 19)
    return [draw.randrange(10 ** (size - 1), 10**size) for _ in range(count)]


def _prefixed(draw: Draw, count: int) -> list[int]:
    start, free = digits(draw, draw.randrange(5, 11)), draw.randrange(2, 7)
    start = f"{draw.randrange(1, 10)}{start}"
    return [int(start + digits(draw, max(free, 9 - len(start)))) for _ in range(count)]


def _branches(draw: Draw, count: int) -> list[int]:
    """A few branches, each with running numbers of its own."""
    heads = [draw.randrange(100, 1000) for _ in range(draw.randrange(2, 12))]
    size = draw.choice([6, 7, 8, 9])
    return [draw.choice(heads) * 10**size + draw.randrange(max(count, 10)) for _ in range(count)]


def _moments(draw: Draw, count: int) -> list[int]:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, on a grid."""
    unit, grid = draw.choice([1, 1, 10**3, 10**3, 10**6, 10**9]), draw.choice([1, 1, 60, 300, 900, 3600, 86400])
    start = draw.randrange(900_000_000, 1_900_000_000) // grid * grid
    return [(start + grid * draw.randrange(3 * count)) * unit + (draw.randrange(unit) if grid == 1 else 0)
            for _ in range(count)]  # fmt: skip


def _days(draw: Draw, count: int) -> list[int]:
    """20240131 and the like, with hours, minutes, seconds, or the number of the day's item behind."""
    form = draw.choice(["{y}{m:02}{d:02}", "{y}{m:02}{d:02}{h:02}", "{y}{m:02}{d:02}{h:02}{n:02}",
                        "{y}{m:02}{d:02}{h:02}{n:02}{s:02}", "{d}{m:02}{y}", "{y}{m:02}{d:02}{i:03}",
                        "{y}{m:02}{d:02}{i:04}", "{y}{m:02}{i:05}"])  # fmt: skip
    year = draw.randrange(1950, 2025)
    return [int(form.format(y=year + draw.randrange(4), m=draw.randrange(1, 13), d=draw.randrange(1, 29),
                            h=draw.randrange(24), n=draw.randrange(60), s=draw.randrange(60),
                            i=draw.randrange(1, 300))) for _ in range(count)]  # fmt: skip


def _short_days(draw: Draw, count: int) -> list[int]:
    """240131 or 310124 and a running number: what looks most like a number that begins with a day of birth."""
    size = draw.choice([3, 4, 5, 6])
    year, order = draw.randrange(100), draw.choice(["{y:02}{m:02}{d:02}", "{d:02}{m:02}{y:02}"])
    century = draw.choice(["", "", "", "19", "20"]) if order.startswith("{y") else ""
    return [int(f"{century}{order.format(y=(year + draw.randrange(3)) % 100, m=draw.randrange(1, 13), d=draw.randrange(1, 29))}"
                f"{draw.randrange(1, 10 ** (size - draw.choice([0, 1]))):0{size}}") for _ in range(count)]  # fmt: skip


def _amounts(draw: Draw, count: int) -> list[int]:
    grain = draw.choice([1, 1, 5, 10, 50, 100, 1000, 10_000, 100_000])
    middle, spread = draw.uniform(18, 26), draw.uniform(0.2, 2)
    return [int(draw.lognormvariate(middle, spread)) // grain * grain for _ in range(count)]


def _round(draw: Draw, count: int) -> list[int]:
    """Few digits and many noughts: budgets, populations, limits of credit."""
    return [draw.randrange(1, 1000) * 10 ** draw.randrange(6, 11) for _ in range(count)]


def _goods(draw: Draw, count: int) -> list[int]:
    """EAN-13, UPC-12 or GTIN-14 under a few firms' prefixes, with their check digit."""
    size = draw.choice([12, 13, 13, 13, 14])
    firms = [f"{draw.randrange(1, 10)}{digits(draw, 6)}" for _ in range(draw.choice([1, 3, 30]))]
    made = []
    for _ in range(count):
        body = draw.choice(firms)
        body += digits(draw, size - 1 - len(body))
        made.append(int(body + str(-weighed(body[::-1], tuple((3, 1) * 7)[: size - 1]) % 10)))
    return made


def _books(draw: Draw, count: int) -> list[int]:
    bodies = ["978" + draw.choice("0134") + digits(draw, 8) for _ in range(count)]
    return [int(body + str(-weighed(body, (1, 3) * 6) % 10)) for body in bodies]


def _handsets(draw: Draw, count: int) -> list[int]:
    """IMEI: fifteen digits, the last by Luhn, as an American Express card has them, but not its beginning."""
    types = [f"{draw.choice(['35', '86', '01', '99'])}{digits(draw, 6)}" for _ in range(20)]
    bodies = [draw.choice(types) + digits(draw, 6) for _ in range(count)]
    return [int(body + luhn(body)) for body in bodies]


def _own_check(draw: Draw, count: int) -> list[int]:
    """A running number with a check digit that somebody made up: weights of their own, modulo 7, 9, 10, 11, 13 or 97."""
    modulus, size = draw.choice([7, 9, 10, 11, 13, 97]), draw.randrange(8, 15)
    weights = [draw.randrange(1, modulus) for _ in range(size)]
    start, made = draw.randrange(10 ** (size - 1), 9 * 10 ** (size - 1)), []
    for place in range(count):
        body = start + place
        rest = sum(int(d) * w for d, w in zip(str(body), weights, strict=False)) % modulus
        made.append(int(f"{body}{rest:02}") if modulus > 10 else int(f"{body}{rest}"))
    return made


def _plain_rest(draw: Draw, count: int) -> list[int]:
    """The number and its rest by 97, as in accounts of some banks: near to the Belgian and the French way."""
    start, size = draw.randrange(10**7, 10 ** draw.randrange(8, 14)), draw.choice([1, 3, 1000])
    return [int(f"{n}{n % 97 or 97:02}") for n in (start + size * place for place in range(count))]


def _places(draw: Draw, count: int) -> list[int]:
    """Degrees times ten million along a way."""
    at, made = draw.randrange(100_000_000, 1_800_000_000), []
    for _ in range(count):
        at += draw.randrange(-5_000, 5_000)
        made.append(at)
    return made


def _snowflakes(draw: Draw, count: int) -> list[int]:
    start = draw.randrange(10**11, 10**12)
    return [((start + 997 * place) << 22) | (draw.randrange(4) << 12) | draw.randrange(3) for place in range(count)]


def _hashes(draw: Draw, count: int) -> list[int]:
    size = draw.choice([32, 32, 48, 53, 63])
    return [draw.getrandbits(size) for _ in range(count)]


def _powers(draw: Draw, count: int) -> list[int]:
    base = draw.choice([2, 3, 5, 6, 7, 12])
    return [base**place for place in range(min(count, 60)) if base**place < 9 * 10**18]


def _machines(draw: Draw, count: int) -> list[int]:
    """IPv4 addresses of one network, as numbers."""
    net = draw.getrandbits(32) & ~0xFFFF
    return [net | draw.getrandbits(16) for _ in range(count)]


def _copied(draw: Draw, count: int) -> list[int]:
    """The same digits over and over: 123123123 and the like."""
    size = draw.choice([1, 2, 3, 4])
    return [
        int(str(draw.randrange(10 ** (size - 1), 10**size)) * draw.choice([12 // size, 9 // size + 1]))
        for _ in range(count)
    ]


NOBODYS: dict[str, Column] = {
    "running and stepped keys": _running, "keys with gaps": _gaps, "drawn at random": _random,
    "a prefix and a few digits": _prefixed, "branches with running numbers": _branches,
    "seconds to nanoseconds since 1970": _moments, "days, with hours or numbers behind": _days,
    "short days and a running number": _short_days, "amounts": _amounts, "round amounts": _round,
    "goods (EAN, UPC, GTIN)": _goods, "books (ISBN-13)": _books, "handsets (IMEI)": _handsets,
    "a check digit of their own": _own_check, "a rest by 97": _plain_rest, "places": _places,
    "snowflakes": _snowflakes, "hashes": _hashes, "powers": _powers, "machines as numbers": _machines,
    "repeated digits": _copied,
}  # fmt: skip


def seeded(*what: object) -> random.Random:
    """A draw that is the same for the same words."""
    return random.Random(" ".join(map(str, what)))
