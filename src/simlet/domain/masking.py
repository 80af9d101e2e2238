"""Texts without what must not be logged or shown."""

import re

GONE = "…"

# Whatever a driver puts behind these words are values from rows and statements.
_VALUES = re.compile(r"(DETAIL:|CONTEXT:|\[parameters:).*", re.DOTALL)
# Lengths are bounded where a search could otherwise start again at every place of a long text.
_SECRETS = re.compile(
    r"""
    (?P<token>      simlet_ )                [A-Za-z0-9_]+
  | (?P<signing>    whsec_ )                 [A-Za-z0-9+/=_-]+
  | (?P<bearer>     \b (?i:bearer) \s+ )     [^\s"',;]+
  | (?P<parameter>  \b (?i:[a-z_]{0,30}token|secret|password|sig|signature) = )  [^&\s"'<>]+
  | (?P<user>       ://[^/\s:@]{0,99} : )     [^\s"']{1,99} (?=@)
    """,
    re.VERBOSE,
)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_DIGITS = re.compile(
    rf"""
    (?P<kept>
        \b [0-9a-f]{{8}} (?:-[0-9a-f]{{4}}){{3}} - [0-9a-f]{{12}} \b               # a UUID
      | (?:{_OCTET}\.){{3}} {_OCTET} (?: :\d{{1,5}} )? (?!\.?\d)       # an IPv4 address
      | (?<!\d) 20\d\d-[01]\d-[0-3]\d                                            # a date, a time
        (?: [T\ ][0-2]\d:[0-5]\d (?: :\d\d (?:\.\d+)? )? (?: Z | [+-]\d\d:\d\d )? )? (?!\d)
    )
  | \+? \d (?:[\ .-]?\d){{5,}}      # written in groups: a phone number, or a code
  | \+? \d{{4,}}
    """,
    re.VERBOSE | re.IGNORECASE,
)


def mask(text: str) -> str:
    """The text without what must not be logged.

    Runs of four digits or more (six or more where they are written in groups) keep their last two,
    as `…12`; tokens, secrets in addresses and the values in messages of databases give way to `…`.
    IPv4 addresses, UUIDs and ISO 8601 times stay.
    """
    text = _VALUES.sub(rf"\1 {GONE}", text)
    text = _SECRETS.sub(_without_secret, text)
    return _DIGITS.sub(_last_two, text)


def _without_secret(found: re.Match[str]) -> str:
    return found[found.lastgroup or 0] + GONE


def _last_two(found: re.Match[str]) -> str:
    if found["kept"]:
        return found["kept"]
    return GONE + "".join(character for character in found[0] if character.isdigit())[-2:]
