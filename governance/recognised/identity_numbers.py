"""Numbers by which a state knows a person. Whether one can be a number at all is python-stdnum's to say.

`chance` is the share of made-up numbers that pass although the rest of them is as it must be, days of birth included:
a column of running numbers that begin with a date must not pass for one of persons.
"""

from __future__ import annotations

import re
from typing import Any

from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.us import ssn

from governance.recognised.forms import Form, Grade, checked, sure_if_written


def _valid(module: Any) -> Any:
    return module.is_valid


def _is_ssn(text: str) -> bool:
    # 078-05-1120 and 219-09-9999 stood in advertisements; stdnum knows them.
    return bool(ssn.is_valid(text))


def _is_nino(text: str) -> bool:
    """No check digit: a pair of letters that is given out, six digits, a letter from A to D (HMRC's NIM39110)."""
    compact = re.sub(r"[ -]", "", text).upper()
    first, second = compact[0], compact[1]
    taken = compact[:2] in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}
    return first not in "DFIQUV" and second not in "DFIQUVO" and not taken


def _is_personnummer(text: str) -> bool:
    return bool(personnummer.is_valid(text if re.search(r"[-+]", text) else f"{text[:-4]}-{text[-4:]}"))


FORMS = (
    Form(
        "US social security number", r"\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}", checked(_is_ssn), bare=r"\d{9}",
        words=r"ssn|social[ _-]?security|social", chance=0.88, sure=False,
    ),
    Form(
        "UK national insurance number", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[A-D]",
        sure_if_written(_is_nino, r"[ -]"), words=r"nino|ni|national[ _-]?insurance|insurance",
    ),
    Form(
        "UK NHS number", r"\d{3}[ -]\d{3}[ -]\d{4}", checked(_valid(nhs)), bare=r"\d{10}",
        words=r"nhs|patient|health", chance=0.091, sure=False, zeros=1,
    ),
    Form(
        "German tax number", r"\d{2} \d{3} \d{3} \d{3}", sure_if_written(_valid(idnr), " "), bare=r"[1-9]\d{10}",
        words=r"steuer\w*|idnr|id-?nr|tin|tax\w*", chance=0.1,
    ),
    Form(
        "French social security number",
        r"[12] \d{2} \d{2} (?:\d{2}|2[AB]) \d{3} \d{3} \d{2}|[12]\d{4}2[AB]\d{8}",
        sure_if_written(_valid(nir), "[ AB]"),
        bare=r"[12]\d{14}", words=r"nir|insee|s[ée]cu\w*|vitale", chance=0.011,
    ),
    Form(
        "Spanish identity number", r"\d{8}-?[A-HJ-NP-TV-Z]|[XYZ]-?\d{7}-?[A-HJ-NP-TV-Z]",
        lambda text: Grade.LIKELY if dni.is_valid(text) or nie.is_valid(text) else Grade.NONE,
        words=r"dni|nie|nif|identidad", chance=0.044, sure=False,
    ),
    Form(
        "Italian tax code", r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
        checked(_valid(codicefiscale), Grade.SURE),
    ),
    Form(
        "Dutch citizen service number", r"\d{4}\.\d{2}\.\d{3}", sure_if_written(_valid(bsn), r"\."), bare=r"\d{9}",
        words=r"bsn|burgerservicenummer|sofi\w*", chance=0.091,
    ),
    Form(
        "Belgian national number", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", sure_if_written(_valid(nn)), bare=r"\d{11}",
        words=r"rijksregister\w*|insz|niss|nrn|national[ _-]?n\w+|registre", chance=0.021, zeros=2,
    ),
    Form(
        "Polish PESEL", "", checked(_valid(pesel)), bare=r"\d{11}", words=r"pesel", chance=0.1, sure=False, zeros=2,
    ),
    Form(
        "Swedish personal number", r"(?:19|20)?\d{6}[-+]\d{4}", checked(_is_personnummer), bare=r"(?:19|20)\d{10}",
        words=r"personn\w*|pnr|person[ _-]?number", chance=0.1, sure=False, whole=r"(?:19|20)?\d{10}", zeros=1,
    ),
    Form("Finnish identity code", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", checked(_valid(hetu), Grade.SURE)),
    Form(
        "Norwegian birth number", r"\d{6} \d{5}", sure_if_written(_valid(fodselsnummer), " "), bare=r"\d{11}",
        words=r"f[øo]dselsn\w*|fnr|personnummer", chance=0.009, zeros=1,
    ),
    Form("Swiss insurance number", r"756\.\d{4}\.\d{4}\.\d{2}", sure_if_written(_valid(ahv), r"\."), bare=r"756\d{10}",
         words=r"ahv|avs", chance=0.1),
    Form(
        "Brazilian CPF", r"\d{3}\.\d{3}\.\d{3}-\d{2}", sure_if_written(_valid(cpf)), bare=r"\d{11}",
        words=r"cpf|cadastro", chance=0.01, zeros=2,
    ),
    Form(
        "Indian Aadhaar number", r"[2-9]\d{3}[ -]\d{4}[ -]\d{4}", checked(_valid(aadhaar)), bare=r"[2-9]\d{11}",
        words=r"aadh?aar|uidai|uid", chance=0.1, sure=False,
    ),
    Form(
        "Canadian social insurance number", r"\d{3}[ -]\d{3}[ -]\d{3}", checked(_valid(sin)), bare=r"[1-79]\d{8}",
        words=r"sin|nas|social[ _-]?insurance", chance=0.1, sure=False,
    ),
)  # fmt: skip
