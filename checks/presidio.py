"""Presidio's pattern recognisers beside the built-in ones, where the extra `personal` is installed and asked for.

Without a language model: a blank pipeline splits texts into words, and nothing is fetched. It is never used only
because it happens to be installed: the same batch would be held back on one machine and taken in on another.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from typing import Any

from governance.faults import UsageFault
from governance.recognised.forms import Grade
from governance.recognised.reading import Span

# Presidio gives 1.0 where a check digit is right, and less where only the shape is.
SURE, LIKELY = 0.99, 0.4
# Days and addresses of pages are no personal data by themselves.
LEFT_OUT = frozenset({"DATE_TIME", "URL"})
# Those that it keeps for texts in the country's own language: a number is the same in every language.
OF_COUNTRIES = (
    "EsNifRecognizer", "EsNieRecognizer", "FiPersonalIdentityCodeRecognizer", "InAadhaarRecognizer",
    "ItFiscalCodeRecognizer", "PlPeselRecognizer", "UkNinoRecognizer",
)  # fmt: skip


class Presidio:
    """The recognisers of this machine, with the version that the record names."""

    def __init__(self, analyser: Any, name: str) -> None:
        self._analyser, self.name = analyser, name

    def spans(self, text: str) -> Iterator[Span]:
        """What it finds, with its own names of forms in words."""
        for found in self._analyser.analyze(text=text, language="en", score_threshold=LIKELY):
            if found.entity_type not in LEFT_OUT:
                grade = Grade.SURE if found.score >= SURE else Grade.LIKELY
                yield Span(found.entity_type.lower().replace("_", " "), found.start, found.end, grade)


@functools.cache
def presidio(sample: int) -> Presidio:
    """The recognisers, which look at so many distinct values of a column.

    Raises
    ------
    UsageFault
        The extra is not installed.
    """
    try:
        import presidio_analyzer
        import spacy
        import tldextract
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError:
        what = "AIMS_PERSONAL=presidio needs the extra `personal`: pip install 'aims-monitor[personal]'."
        raise UsageFault(what) from None
    # The list of top-level domains that came with the package: by itself it would fetch another one.
    vars(tldextract)["extract"] = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    vars(engine)["nlp"] = {"en": spacy.blank("en")}
    # It tells of each recogniser that is for another language.
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    registry = presidio_analyzer.RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    registry.remove_recognizer("SpacyRecognizer")
    for name in OF_COUNTRIES:
        made = getattr(presidio_analyzer.predefined_recognizers, name, None)
        if made is not None:  # an older or newer release may not have it
            registry.add_recognizer(made(supported_language="en"))
    analyser = presidio_analyzer.AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
    version = getattr(presidio_analyzer, "__version__", None) or _version()
    return Presidio(analyser, f"presidio/{version}, {sample} values a column")


def _version() -> str:
    from importlib.metadata import version

    return version("presidio-analyzer")
