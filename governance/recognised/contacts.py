"""Ways to reach somebody, or what they pay with: addresses, telephones, machines, accounts, cards."""

from __future__ import annotations

import ipaddress
import re

from stdnum import iban, luhn

from governance.recognised.forms import Form, Grade, checked

# First digits of what the large issuers give out, with the lengths of their numbers.
_ISSUERS = re.compile(
    r"4(\d{12}|\d{15}|\d{18})|(5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|(6011|64[4-9]\d|65\d\d)\d{12}|(352[89]|35[3-8]\d)\d{12}|3(0[0-5]|[68]\d)\d{11}|62\d{14}"
)
_GROUPS = re.compile(r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5}")


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _email(text: str) -> Grade:
    name, _, host = text.rpartition("@")
    ends = host.rpartition(".")[2]
    # `build@2x.png`, `pkg@1.2.3`: what ends in digits is no host, and what ends so is a file.
    is_host = ends.isalpha() and len(ends) >= 2 and ends.lower() not in {"png", "jpg", "jpeg", "gif", "svg", "webp"}
    return Grade.SURE if name and is_host and ".." not in text else Grade.NONE


def _phone(text: str) -> Grade:
    count = len(_digits(text))
    return Grade.LIKELY if 8 <= count <= 15 else Grade.NONE


def _iban(text: str) -> Grade:
    return Grade.SURE if iban.is_valid(text.replace("-", " ")) else Grade.NONE


def _card(text: str) -> Grade:
    number = _digits(text)
    if not (_ISSUERS.fullmatch(number) and luhn.is_valid(number)):
        return Grade.NONE
    if number != text and not _GROUPS.fullmatch(text):
        return Grade.NONE
    return Grade.SURE if number != text else Grade.LIKELY


def _ip4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    # A machine's name for itself is nobody's.
    if ipaddress.IPv4Address(text).is_loopback:
        return False
    # Release numbers look alike: those that begin with a nought, or end in three of them, are none of a machine.
    return not text.startswith("0.") and not text.endswith(".0.0.0")


def _ip6(text: str) -> Grade:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return Grade.NONE
    return Grade.SURE if len(text) >= 7 and re.search(r"\d", text) else Grade.NONE


EMAIL = Form(
    "e-mail address",
    r"[A-Za-z0-9_À-ɏ][\w.+%'À-ɏ-]{0,63}(?:@|%40)[A-Za-z0-9À-ɏ-]+(?:\.[A-Za-z0-9À-ɏ-]+)+",
    lambda text: _email(text.replace("%40", "@")),
    edges=False,
)
# With its country, with the zero of a long-distance call, or grouped 3-3-4.
PHONE = Form(
    "telephone number",
    r"\+\d[\d ()/.-]{6,17}\d|\(?0\d{1,4}\)?[ /-]{1,3}\d[\d -]{4,12}\d|\(?[2-9]\d{2}\)?[ .-]{1,2}\d{3}[ .-]\d{4}"
    r"|00[1-9]\d[\d ()/-]{6,14}\d",
    _phone,
    bare=r"0\d{8,14}",
    words=r"tel|tele?phone|phone|mobile|mobil|cell|call|fax|whatsapp|telefon|handy|téléphone|telefono|ring",
    sure=False,
)
IBAN = Form(
    "bank account number",
    r"[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?",
    _iban,
)
CARD = Form(
    "payment card number",
    r"[2-6]\d{3}([ -])\d{4}[ -]\d{4}[ -]\d{4}|3\d{3}[ -]\d{6}[ -]\d{4,5}",
    _card,
    bare=r"[2-6]\d{12,18}",
    words=r"card|visa|mastercard|amex|credit|debit|pan|karte|carte|tarjeta",
    chance=0.1,
)
IPV4 = Form(
    "IP address",
    r"\d{1,3}(?:\.\d{1,3}){3}",
    checked(_ip4),
    words=r"ip|ipv4|addr|remote|client|host|from",
    sure=False,
)
IPV6 = Form(
    "IP address",
    r"(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}",
    _ip6,
    edges=False,
)
MAC = Form("address of a network card", r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}", checked(lambda _: True, Grade.SURE))
FORMS = (EMAIL, PHONE, IBAN, CARD, IPV4, IPV6, MAC)
