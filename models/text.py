"""The one spelling in which names, addresses and usernames are compared, on every database."""

import re
import unicodedata

import idna

_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"[0-9]+")


def canonical_username(text: str) -> str:
    """NFKC and casefold (`D16`)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def canonical_email(text: str) -> str:
    """The address as compared: local part NFC and lower case, domain as IDNA A-labels (`D16`).

    Raises `ValueError` for a domain that IDNA refuses.
    """
    local, _, domain = text.rpartition("@")
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).casefold())
    try:
        labels = idna.encode(domain, uts46=True).decode("ascii")  # maps case and width itself
    except idna.IDNAError as refused:
        raise ValueError(str(refused)) from refused
    return f"{local}@{labels.rstrip('.')}"


def sort_key(text: str) -> str:
    """The text casefolded and without accents: the order of names (`D29`)."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    decomposed = unicodedata.normalize("NFKD", folded)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def name_key(first_name: str, last_name: str) -> str:
    """The stored key of NAME order: family name, then given name (`D29`)."""
    return f"{sort_key(last_name)}\t{sort_key(first_name)}"


def phone_key(phone: str | None) -> str | None:
    """The digits of a telephone number, in which two spellings of it are the same."""
    return "".join(_DIGITS.findall(phone or "")) or None


def words_of(*texts: str | None) -> frozenset[str]:
    """The words of these texts, for finding: letters and digits, casefolded, without accents."""
    return frozenset(
        word
        for text in texts
        if text
        for word in _WORD.findall(sort_key(unicodedata.normalize("NFKC", text)))
    )
