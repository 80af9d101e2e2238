"""Finding a message's fields in whatever a gateway posts: JSON at any depth, forms, queries."""

import base64
import codecs
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from simlet.domain.errors import invalid
from simlet.domain.inbound import Part
from simlet.gateways.contract import HttpRequest
from simlet.gateways.posted import MAX_MESSAGES, read_json, text_of
from simlet.wire.user_data import MalformedHeader, binary_text, split_header, utf16_text

MAX_FIELDS = 200
CHARSETS = (
    "utf-8",
    "utf-16-be",
    "utf-16-le",
    "iso-8859-1",
    "us-ascii",
    "windows-1252",
    "windows-1258",
)
"""In which a gateway may say a text is; of what it says itself no other one is looked up."""

TEXT, BASE64, HEX = "text", "base64", "hex"
TEXT_FORMS = (TEXT, BASE64, HEX)
_KNOWN = {codecs.lookup(name).name: name for name in CHARSETS}
# What Kannel says of a text whose octets are UTF-16, and of one that is none.
_SPELLINGS = {"utf16-be": "utf-16-be", "ucs-2": "utf-16-be", "ucs2": "utf-16-be"}
_BINARY = {"binary", "8-bit", "8bit"}
_EIGHT_BIT, _UCS2 = "1", "2"
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2})+")
_TOLD_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]+)', re.IGNORECASE)
_GONE = object()


@dataclass(frozen=True, slots=True)
class PostedRecord:
    """What was posted about one message: the places to look for a field in, the nearest first.

    Attributes:
        charsets: those of CHARSETS in which the request says that its octets are; mostly none.
    """

    places: Sequence[Any]
    charsets: tuple[str, ...] = ()

    def find(self, path: str) -> Any:
        """What stands at a name, or at a path as `payload.from` or `sms.0.text`; None for nothing.

        Of forms and queries it is bytes, as their charset is not known here.
        """
        for place in self.places if path else ():
            found = _walk(place, path)
            if found is not _GONE and found is not None:
                return found
        return None

    def text(self, path: str) -> str | None:
        """A field as a text in UTF-8; None when it is not there.

        Raises:
            Refused: INVALID, for what is neither a text nor a number.
        """
        found = self.find(path)
        if isinstance(found, bytes):
            return found.decode("utf-8", "replace")
        return text_of(found, path)


def read_records(request: HttpRequest, items: str) -> list[PostedRecord]:
    """The records of a request; several where its JSON holds a list.

    A field that is not in a record itself is looked for in the whole body, and then in the query.
    Of a field of a form that is there twice the first counts.

    Args:
        request: its body may be JSON, a form of either kind, or nothing.
        items: the path of the list in JSON; empty for one message, or for a list as a whole.

    Raises:
        Refused: INVALID.
    """
    query = read_form(request.query)
    if request.fields:
        return [PostedRecord([dict(request.fields), query])]
    if not _is_json(request):
        form = read_form(request.body.decode("latin-1"))
        return [PostedRecord([form, query], _told_charsets(request))]
    whole = read_json(request.body)
    found = _walk(whole, items) if items else whole
    if items and not isinstance(found, list):
        raise invalid(items, "expected a list of messages")
    several = found if isinstance(found, list) else [found]
    if len(several) > MAX_MESSAGES:
        raise invalid(items or "body", f"expected at most {MAX_MESSAGES} messages")
    if not all(isinstance(one, dict | list) for one in several):
        raise invalid(items or "body", "expected an object, or a list of objects")
    return [PostedRecord([one, whole, query]) for one in several]


def _told_charsets(request: HttpRequest) -> tuple[str, ...]:
    found = _TOLD_CHARSET.search(request.headers.get("content-type", ""))
    known = _known_charset(found[1]) if found else None
    return (known,) if known else ()


def _is_json(request: HttpRequest) -> bool:
    content_type = request.headers.get("content-type", "").lower()
    start = request.body.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    return "json" in content_type or start in {b"{", b"["}


def read_form(text: str) -> dict[str, bytes]:
    """The fields of a form or a query, whose text holds one octet in each character.

    Raises:
        Refused: INVALID.
    """
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, encoding="latin-1", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise invalid("form", f"expected at most {MAX_FIELDS} fields") from None
    octets = [tuple(one.encode("latin-1", "replace") for one in pair) for pair in pairs]
    return {name.decode("utf-8", "replace"): value for name, value in reversed(octets)}


def _walk(place: Any, path: str) -> Any:
    """A whole name is looked for before its pieces: a form's field may have dots in its name."""
    if isinstance(place, dict) and path in place:
        return place[path]
    for name in path.split("."):
        if isinstance(place, dict):
            place = place.get(name, _GONE)
        elif isinstance(place, list) and name.isascii() and name.isdigit() and len(name) < 6:
            place = place[int(name)] if int(name) < len(place) else _GONE
        else:
            return _GONE
    return place


def read_text(
    found: Any, name: str, *, form: str, charsets: Sequence[str], hint: str, coding: str
) -> tuple[str, bool]:
    """A message's text, and whether it could not be read; then it is what came, in hex.

    Args:
        found: what stands in the text's field.
        name: the field, for a refusal.
        form: one of TEXT_FORMS.
        charsets: of CHARSETS, in which octets may be of which nothing else is said: the first one
            that fits. The last of them is the one that was set, which alone holds within base64
            and hex.
        hint: the charset that the gateway told of the text; empty for none.
        coding: 0, 1 or 2 for GSM, eight bits or UCS-2, as Kannel tells it; empty for nothing.

    Raises:
        Refused: INVALID, for what is neither a text nor a number.
    """
    octets = found if isinstance(found, bytes) else None
    if octets is None:
        text = text_of(found, name) or ""
        if form == TEXT:
            return text, False
        octets = text.encode("utf-8", "replace")
    try:
        if form == BASE64:
            octets = base64.b64decode(octets, validate=True)
        elif form == HEX:
            octets = bytes.fromhex(octets.decode("ascii"))
        plain = form == TEXT
        likely = charsets if plain else charsets[-1:]
        hint, coding = hint.strip().lower(), coding.strip()
        return _decoded(octets, likely, hint, coding, may_be_cut=plain), False
    except ValueError:
        return octets.hex().upper(), True


def read_name(found: Any, name: str, *, charsets: Sequence[str], hint: str) -> str | None:
    """A sender; None when it is not there. Octets that are no UTF-8 are read as those of the text.

    Whatever charset the text has, names come in UTF-8 too, and never in UTF-16. What is handed in
    is the same as for `read_text`.

    Raises:
        Refused: INVALID, for what is neither a text nor a number.
    """
    if not isinstance(found, bytes):
        return text_of(found, name)
    told = _known_charset(hint.strip().lower())
    for charset in ("utf-8", *([told] if told else charsets)):
        if not charset.startswith("utf-16"):
            with suppress(UnicodeDecodeError):
                return found.decode(charset)
    return found.decode("utf-8", "replace")


def _decoded(
    octets: bytes, charsets: Sequence[str], hint: str, coding: str, *, may_be_cut: bool
) -> str:
    if hint in _BINARY or (coding == _EIGHT_BIT and not hint):
        return binary_text(octets)
    if not hint and coding == _UCS2:
        hint = "utf-16-be"
    named = _known_charset(_SPELLINGS.get(hint, hint))
    *first, last = [named] if named else charsets
    for charset in first:
        with suppress(UnicodeDecodeError):
            return _in_charset(octets, charset, may_be_cut=may_be_cut)
    return _in_charset(octets, last, may_be_cut=may_be_cut)


def _in_charset(octets: bytes, charset: str, *, may_be_cut: bool) -> str:
    if charset == "utf-16-be":
        return utf16_text(octets)
    if charset != "utf-8":
        return octets.decode(charset)
    # Gateways cut long texts after so many octets, and through the last letter.
    text, read = codecs.utf_8_decode(octets, "strict", not may_be_cut)
    return text if read == len(octets) else text + "\ufffd"


def _known_charset(name: str) -> str | None:
    try:
        return _KNOWN.get(codecs.lookup(name).name) if name.isascii() and name else None
    except (LookupError, ValueError):
        return None


def read_part(header: Any) -> Part | None:
    """Which part of a long message it is, from its user data header: octets, or hex of them.

    A header that cannot be read says nothing: its message is taken as a whole one.
    """
    if isinstance(header, str):
        header = header.encode("latin-1", "replace")
    if not isinstance(header, bytes) or not header:
        return None
    # The first octet is the length of the others, so that a header of octets is no hex.
    if _HEX.fullmatch(header) and int(header[:2], 16) + 1 == len(header) // 2:
        header = bytes.fromhex(header.decode("ascii"))
    try:
        return split_header(header).part
    except MalformedHeader:
        return None
