"""Made-up personal data, and what looks like it and is none. Check digits are worked out here, by their closed forms.

Nothing here is anybody's: numbers are drawn, names are put together, hosts and telephones are those that are kept free
for examples where there are such.
"""

from __future__ import annotations

import datetime as dt
import random
import string
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SEED = 42001
FIRST = (
    "Wilhelmina",
    "Thaddeus",
    "Ludovica",
    "Benedetta",
    "Casimir",
    "Ottoline",
    "Ragnhild",
    "Zebulon",
    "Ximena",
    "Anneke",
)
LAST = (
    "Quixotrandom",
    "Featherstonehaugh",
    "Zwiebelbach",
    "Oakenwhistle",
    "Brombaer",
    "Vandersloot",
    "Kvistgaard",
    "Montefalco",
)
Draw = random.Random


@dataclass(frozen=True)
class Planted:
    """One value in a text, and which form it has."""

    form: str
    setting: str
    value: str
    text: str


@dataclass(frozen=True)
class Decoy:
    """A text that holds nobody's data, and what it is."""

    kind: str
    text: str


def digits(draw: Draw, count: int) -> str:
    return "".join(draw.choice(string.digits) for _ in range(count))


def letters(draw: Draw, count: int, among: str = string.ascii_uppercase) -> str:
    return "".join(draw.choice(among) for _ in range(count))


def day(draw: Draw, first: int = 1940, last: int = 1999) -> dt.date:
    return dt.date(first, 1, 1) + dt.timedelta(days=draw.randrange(365 * (last - first)))


def luhn(number: str) -> str:
    """The digit that makes the sum of all, every second one doubled from the right, a multiple of ten."""
    total = sum(sum(divmod(int(d) * (2 if i % 2 == 0 else 1), 10)) for i, d in enumerate(reversed(number)))
    return str(-total % 10)


def weighed(number: str, weights: tuple[int, ...]) -> int:
    return sum(int(d) * w for d, w in zip(number, weights, strict=True))


def verhoeff(number: str) -> str:
    """The digit that takes the product in the dihedral group of ten, each digit permuted by its place, to zero."""

    def times(j: int, k: int) -> int:
        if j < 5:
            return (j + k) % 5 if k < 5 else 5 + (j + k - 5) % 5
        return 5 + (j - 5 - k) % 5 if k < 5 else (j - k) % 5

    def permuted(d: int, place: int) -> int:
        for _ in range(place % 8):
            d = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[d]
        return d

    def product(text: str) -> int:
        found = 0
        for place, d in enumerate(reversed(text)):
            found = times(found, permuted(int(d), place))
        return found

    return next(d for d in string.digits if product(number + d) == 0)


def name(draw: Draw) -> str:
    return f"{draw.choice(FIRST)} {draw.choice(LAST)}"


def email(draw: Draw) -> str:
    first, last = name(draw).lower().split()
    return f"{first}{draw.choice(['.', '_', '-', ''])}{last}{draw.randrange(99)}@{draw.choice(['example.org', 'mail.example.com', 'example.net'])}"


def phone(draw: Draw) -> str:
    return draw.choice(
        [
            lambda: f"+1 {draw.randrange(201, 989)} 555 01{digits(draw, 2)}",
            lambda: f"+44 20 7946 0{digits(draw, 3)}",
            lambda: f"+49 30 {digits(draw, 7)}",
            lambda: f"({draw.randrange(201, 989)}) 555-01{digits(draw, 2)}",
            lambda: f"{draw.randrange(201, 989)}-555-01{digits(draw, 2)}",
            lambda: f"030/{draw.randrange(2, 9)}{digits(draw, 6)}",
            lambda: f"+33-6-{digits(draw, 2)}-{digits(draw, 2)}-{digits(draw, 2)}-{digits(draw, 2)}",
        ]
    )()


def iban(draw: Draw) -> str:
    country, account = draw.choice(
        [("DE", digits(draw, 18)), ("GB", letters(draw, 4) + digits(draw, 14)), ("AT", digits(draw, 16))]
    )
    asked = "".join(str(int(c, 36)) for c in f"{account}{country}00")
    return f"{country}{98 - int(asked) % 97:02d}{account}"


def card(draw: Draw) -> str:
    start, length = draw.choice([("4", 16), (str(draw.randrange(51, 56)), 16), ("37", 15), ("6011", 16)])
    number = start + digits(draw, length - 1 - len(start))
    return number + luhn(number)


def ip(draw: Draw) -> str:
    if draw.random() < 0.7:
        return ".".join(str(draw.randrange(1, 255)) for _ in range(4))
    return "2001:db8:" + ":".join(f"{draw.randrange(16, 65536):x}" for _ in range(6))


def mac(draw: Draw) -> str:
    return draw.choice(":-").join(f"{draw.randrange(256):02x}" for _ in range(6))


def ssn(draw: Draw) -> str:
    area = draw.choice([a for a in range(1, 900) if a != 666])
    return f"{area:03d}-{draw.randrange(1, 100):02d}-{draw.randrange(1, 10000):04d}"


def nino(draw: Draw) -> str:
    while (pair := letters(draw, 1, "ABCEGHJKLMNPRSTWXYZ") + letters(draw, 1, "ABCEGHJKLMNPRSTWXYZ")) in {
        "BG",
        "GB",
        "KN",
        "NK",
        "NT",
        "TN",
        "ZZ",
    }:
        pass
    return pair + digits(draw, 6) + draw.choice("ABCD")


def nhs(draw: Draw) -> str:
    while True:
        number = digits(draw, 9)
        check = 11 - weighed(number, tuple(range(10, 1, -1))) % 11
        if check != 10:
            return f"{number}{check % 11}"


def idnr(draw: Draw) -> str:
    """Ten digits of which one stands twice, one not at all and the first is no nought; ISO 7064, mod 11,10."""
    while True:
        chosen = draw.sample(string.digits, 9)
        chosen.insert(draw.randrange(10), draw.choice(chosen))
        if chosen[0] != "0":
            break
    product = 10
    for d in chosen:
        total = (int(d) + product) % 10 or 10
        product = total * 2 % 11
    return "".join(chosen) + str((11 - product) % 10)


def nir(draw: Draw) -> str:
    number = f"{draw.choice('12')}{digits(draw, 2)}{draw.randrange(1, 13):02d}{draw.randrange(1, 96):02d}{draw.randrange(1, 990):03d}{draw.randrange(1, 999):03d}"
    return f"{number}{97 - int(number) % 97:02d}"


def dni(draw: Draw) -> str:
    start = draw.choice(["", "", "X", "Y", "Z"])
    number = digits(draw, 7 if start else 8)
    whole = int({"": "", "X": "0", "Y": "1", "Z": "2"}[start] + number)
    return f"{start}{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[whole % 23]}"


def codice_fiscale(draw: Draw) -> str:
    born = day(draw)
    text = (
        letters(draw, 6, "BCDFGLMNPRST")
        + f"{born:%y}{'ABCDEHLMPRST'[born.month - 1]}{born.day + draw.choice([0, 40]):02d}"
        + draw.choice("ABCDEFGHIL")
        + digits(draw, 3)
    )
    odd = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
    place = [int(c) if c.isdigit() else ord(c) - ord("A") for c in text]
    total = sum(odd[p] if i % 2 == 0 else p for i, p in enumerate(place))
    return text + string.ascii_uppercase[total % 26]


def bsn(draw: Draw) -> str:
    while True:
        number = str(draw.randrange(1, 10)) + digits(draw, 7)
        check = weighed(number, tuple(range(9, 1, -1))) % 11
        if check < 10:
            return f"{number}{check}"


def belgian(draw: Draw) -> str:
    number = f"{day(draw):%y%m%d}{draw.randrange(1, 998):03d}"
    return f"{number}{97 - int(number) % 97:02d}"


def pesel(draw: Draw) -> str:
    number = f"{day(draw):%y%m%d}{digits(draw, 4)}"
    return f"{number}{-weighed(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10}"


def personnummer(draw: Draw) -> str:
    born, serial = day(draw), digits(draw, 3)
    return f"{born:%y%m%d}-{serial}{luhn(f'{born:%y%m%d}{serial}')}"


def hetu(draw: Draw) -> str:
    born, serial = f"{day(draw):%d%m%y}", f"{draw.randrange(2, 900):03d}"
    return f"{born}-{serial}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(born + serial) % 31]}"


def fodselsnummer(draw: Draw) -> str:
    while True:
        number = f"{day(draw):%d%m%y}{draw.randrange(500):03d}"
        one = -weighed(number, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
        if one == 10:
            continue
        two = -weighed(f"{number}{one}", (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
        if two != 10:
            return f"{number}{one}{two}"


def ahv(draw: Draw) -> str:
    number = "756" + digits(draw, 9)
    return f"{number}{-weighed(number, (1, 3) * 6) % 10}"


def cpf(draw: Draw) -> str:
    number = digits(draw, 9)
    for start in (10, 11):
        rest = weighed(number, tuple(range(start, 1, -1))) % 11
        number += str(0 if rest < 2 else 11 - rest)
    return number


def aadhaar(draw: Draw) -> str:
    number = str(draw.randrange(2, 10)) + digits(draw, 10)
    return number + verhoeff(number)


def canadian(draw: Draw) -> str:
    number = draw.choice("1234567") + digits(draw, 7)
    return number + luhn(number)


def written(form: str) -> Callable[[str], str]:
    """A number with its blanks and signs, as people of that country write it."""
    groups = {
        "payment card number": ((4, 4, 4, 4), " "), "bank account number": ((4,) * 9, " "),
        "UK national insurance number": ((2, 2, 2, 2, 1), " "), "UK NHS number": ((3, 3, 4), " "),
        "German tax number": ((2, 3, 3, 3), " "), "French social security number": ((1, 2, 2, 2, 3, 3, 2), " "),
        "Dutch citizen service number": ((4, 2, 3), "."), "Norwegian birth number": ((6, 5), " "),
        "Swiss insurance number": ((3, 4, 4, 2), "."), "Indian Aadhaar number": ((4, 4, 4), " "),
        "Canadian social insurance number": ((3, 3, 3), "-"),
    }  # fmt: skip

    def grouped(value: str) -> str:
        if form == "Belgian national number":
            return f"{value[:2]}.{value[2:4]}.{value[4:6]}-{value[6:9]}.{value[9:]}"
        if form == "Brazilian CPF":
            return f"{value[:3]}.{value[3:6]}.{value[6:9]}-{value[9:]}"
        if form not in groups:
            return value
        sizes, sign = ((4, 6, 5), "-") if len(value) == 15 and form.startswith("payment") else groups[form]
        parts, rest = [], value
        for size in sizes:
            parts, rest = [*parts, rest[:size]], rest[size:]
        return sign.join(part for part in parts if part)

    return grouped


# Form → how a value is made, and how people introduce it.
MADE: dict[str, tuple[Callable[[Draw], str], str]] = {
    "e-mail address": (email, "mail"), "telephone number": (phone, "phone"), "bank account number": (iban, "IBAN"),
    "payment card number": (card, "card"), "IP address": (ip, "client ip"), "address of a network card": (mac, "device"),
    "US social security number": (ssn, "SSN"), "UK national insurance number": (nino, "NI"),
    "UK NHS number": (nhs, "NHS"), "German tax number": (idnr, "Steuer-ID"),
    "French social security number": (nir, "NIR"), "Spanish identity number": (dni, "DNI"),
    "Italian tax code": (codice_fiscale, "CF"), "Dutch citizen service number": (bsn, "BSN"),
    "Belgian national number": (belgian, "NISS"), "Polish PESEL": (pesel, "PESEL"),
    "Swedish personal number": (personnummer, "personnummer"), "Finnish identity code": (hetu, "hetu"),
    "Norwegian birth number": (fodselsnummer, "fnr"), "Swiss insurance number": (ahv, "AHV"),
    "Brazilian CPF": (cpf, "CPF"), "Indian Aadhaar number": (aadhaar, "Aadhaar"),
    "Canadian social insurance number": (canadian, "SIN"),
}  # fmt: skip
SETTINGS: dict[str, Callable[[str, str], str]] = {
    "alone": lambda value, _: value,
    "in a sentence": lambda value, _: f"They gave {value} when they called on Monday, and again later.",
    "with its word": lambda value, word: f"Their {word} is {value}, as noted.",
    "in JSON": lambda value, word: f'{{"case": 17, "{word.lower().replace(" ", "_")}": "{value}", "open": true}}',
    "in a URL": lambda value, word: f"https://portal.example/cases?{word.lower().replace(' ', '_')}={value}&page=2",
}


def planted() -> Iterator[Planted]:
    """Some 1,000 values over all forms and settings, the same each time."""
    draw = random.Random(SEED)
    for form, (make, word) in MADE.items():
        for setting, put in SETTINGS.items():
            for place in range(8):
                value = make(draw)
                shown = value if place % 2 == 0 or setting == "in a URL" else written(form)(value)
                yield Planted(form, setting, shown, put(shown, word))
    for number in range(50):
        who, born = name(draw), day(draw)
        first, last = who.split()
        date = draw.choice([f"{born:%Y-%m-%d}", f"{born:%d.%m.%Y}", f"{born.day} {born:%B %Y}", f"{born:%m/%d/%Y}"])
        yield Planted(
            "date of birth",
            "with its word",
            date,
            draw.choice(["born on {}", "date of birth: {}", "DOB {}"]).format(date),
        )
        title = draw.choice(["Mr.", "Mrs.", "Dr.", "Herr", "Frau", "Mme"])
        if number % 2:
            yield Planted("name", "with a title", who, f"Spoke to {title} {who} about the claim.")
        else:
            yield Planted("name", "in JSON", last, f'{{"first_name": "{first}", "last_name": "{last}"}}')
    for _ in range(10):  # what no shape tells
        who = name(draw)
        yield Planted("name", "by itself", who, f"{who} came on Monday and left again.")
        hidden = email(draw).replace("@", " (at) ")
        yield Planted("e-mail address", "spelt out", hidden, f"write to {hidden}")
        local = f"555 01{digits(draw, 2)}"
        yield Planted("telephone number", "local", local, f"call {local} after six")


def _wrong(value: str, draw: Draw) -> str:
    """The value with its last digit raised by one: no check digit of one place survives that."""
    places = [i for i, c in enumerate(value) if c.isdigit()]
    at = places[-1]
    return f"{value[:at]}{(int(value[at]) + 1) % 10}{value[at + 1 :]}"


def decoys() -> Iterator[Decoy]:
    """Some 2,000 texts that hold nobody's data, the same each time."""
    draw = random.Random(SEED + 1)
    stamp = dt.datetime(2024, 1, 1)
    for number in range(100):
        moment = stamp + dt.timedelta(seconds=draw.randrange(40_000_000))
        yield Decoy(
            "order numbers",
            draw.choice([f"ORD-2024-{number:06d}", f"PO{digits(draw, 8)}", f"order {draw.randrange(10**6, 10**7)}"]),
        )
        yield Decoy(
            "order numbers of nine digits and more",
            draw.choice([digits(draw, 9), digits(draw, 11), f"order {digits(draw, 10)}", digits(draw, 12)]),
        )
        yield Decoy(
            "digests", draw.choice([draw.randbytes(32).hex(), draw.randbytes(16).hex(), draw.randbytes(20).hex()])
        )
        yield Decoy("ids of runs", str(uuid.UUID(bytes=draw.randbytes(16), version=4)))
        yield Decoy(
            "moments",
            draw.choice(
                [
                    moment.isoformat(),
                    f"{moment:%Y-%m-%d %H:%M:%S}",
                    f"{moment.isoformat()}+02:00",
                    f"{moment:%d.%m.%Y %H:%M}",
                ]
            ),
        )
        yield Decoy(
            "seconds since 1970", draw.choice([str(int(moment.timestamp())), f"ts={int(moment.timestamp() * 1000)}"])
        )
        yield Decoy(
            "prices",
            draw.choice(
                [
                    f"€ {draw.randrange(10**6):,}.{digits(draw, 2)}",
                    f"{draw.randrange(100)},{digits(draw, 3)}.{digits(draw, 2)} USD",
                    f"CHF {digits(draw, 4)}.50",
                ]
            ),
        )
        yield Decoy(
            "releases",
            draw.choice(
                [
                    f"v{draw.randrange(9)}.{draw.randrange(40)}.{draw.randrange(9)}",
                    f"{draw.randrange(1, 9)}.{draw.randrange(9)}.{draw.choice([draw.randrange(60), draw.randrange(300, 20000)])}.{draw.randrange(9)}",
                    f"numpy@{draw.randrange(3)}.{draw.randrange(30)}.1",
                ]
            ),
        )
        yield Decoy(
            "part numbers",
            draw.choice(
                [
                    f"{letters(draw, 3)}-{digits(draw, 4)}-{letters(draw, 2)}",
                    f"{digits(draw, 3)}.{digits(draw, 3)}",
                    f"SKU {letters(draw, 2)}{digits(draw, 5)}",
                ]
            ),
        )
        yield Decoy("coordinates", f"{draw.uniform(-90, 90):.6f}, {draw.uniform(-180, 180):.6f}")
        yield Decoy("decimals", f"{draw.random():.15f} against {draw.random():.12f}")
        yield Decoy("books", f"ISBN 978-{draw.randrange(9)}-{digits(draw, 4)}-{digits(draw, 4)}-{draw.randrange(9)}")
        yield Decoy(
            "shapes and sizes",
            f"{draw.randrange(99)}x{draw.randrange(99)} mm, {draw.randrange(24)}:{draw.randrange(60):02d}, {draw.randrange(99)}/{draw.randrange(99)}",
        )
        yield Decoy(
            "words with an at sign",
            draw.choice(["@property", "meet @ noon", "icon@2x.png", f"price @ {draw.randrange(99)}", "user@host"]),
        )
        yield Decoy(
            "counts in a sentence",
            f"{draw.randrange(10**6)} of {draw.randrange(10**6, 10**7)} rows were read in {draw.randrange(999)} ms",
        )
        yield Decoy(
            "capitalised words",
            draw.choice(
                [
                    "Dr Pepper sold well",
                    "Status: Open Case",
                    "Product Name: Blue Chair",
                    "Mr. and so on",
                    "Monday Report",
                ]
            )
            if number % 5
            else "The Quick Brown Fox",
        )
        yield Decoy(
            "files",
            draw.choice(
                [
                    f"IMG_{moment:%Y%m%d_%H%M%S}.jpg",
                    f"/var/log/app-{moment:%Y-%m-%d}.log",
                    f"backup_{digits(draw, 8)}.tar.gz",
                ]
            ),
        )
        form = draw.choice(["bank account number", "payment card number", "Italian tax code", "Finnish identity code"])
        make, word = MADE[form]
        value = make(draw)
        wrong = (
            f"{value[:-1]}{string.ascii_uppercase[(ord(value[-1]) - 64) % 26]}"
            if value[-1].isalpha()
            else _wrong(value, draw)
        )
        yield Decoy("a wrong check digit", f"{word} {wrong}")
        form = draw.choice(
            [
                "UK NHS number",
                "Dutch citizen service number",
                "Polish PESEL",
                "Brazilian CPF",
                "Indian Aadhaar number",
                "Norwegian birth number",
            ]
        )
        make, word = MADE[form]
        yield Decoy("a wrong check digit in a national number", f"{word} {_wrong(make(draw), draw)}")
        yield Decoy(
            "dates without a birth",
            draw.choice([f"since {moment:%Y-%m-%d}", f"due {moment:%d.%m.%Y}", f"{moment:%d %B %Y}"]),
        )
