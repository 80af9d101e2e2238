"""A text made plain, for the search of a code: clean, fold, blank out.

*Clean* gives one Unicode form, plain digits, plain blanks and dashes, nothing of no width. *Fold*
takes capitals and accents away, and leaves each character in its place. *Blank out* overwrites
what has a shape of its own and is no code: addresses, dates, hours, sums, phones.
"""

import re
import unicodedata

# ----------------------------------------------------------------------------------- clean, fold

# No blank need stand behind a stop or a comma of these scripts, and none stands inside a number.
_SPECIAL = {
    "。": ". ", "।": ". ", "॥": ". ", "۔": ". ", "។": ". ", "、": ", ", "،": ", ", "؛": ", ",
    "։": ":",
    "؟": "?", "•": "*", "●": "*", "∙": "*", "∗": "*", "·": " ", "・": " ", "−": "-", "→": ">",
    "ـ": None, "—": "-", "’": "'", "៖": ":", "∶": ":", "ː": ":",
}  # fmt: skip
_BY_CATEGORY = {
    "Zs": " ", "Zl": "\n", "Zp": "\n", "Cc": " ", "Cf": None, "Me": None, "Sc": "$", "Pd": "-",
    "Ps": "(", "Pe": ")", "Pi": '"', "Pf": '"', "So": " ", "Po": ",",
}  # fmt: skip
# Marks that sit on letters: accents, Arabic and Hebrew vowels, variation selectors.
_DROPPED_MARKS = {
    chr(code)
    for block in (
        range(0x300, 0x370),
        range(0x591, 0x5C8),
        range(0x64B, 0x660),
        range(0xFE00, 0xFE10),
    )
    for code in block
}
# Where the characters live that are changed at all: everything but plain letters.
_CHANGED_BLOCKS = (
    range(0x20), range(0x7F, 0x1C80), range(0x1E00, 0x2C00), range(0x3000, 0x3040),
    range(0xA620, 0xABFF), range(0xFE00, 0xFF00), range(0x1F000, 0x1FB00),
)  # fmt: skip
_FOLDED_BLOCKS = (range(0xC0, 0x530), range(0x620, 0x6D4), range(0x1E00, 0x2000))
_LETTERS = {
    "đ": "d", "Đ": "D", "ð": "d", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "İ": "I",
    "ß": "s", "æ": "a", "Æ": "A", "œ": "o", "ə": "e", "þ": "t", "ی": "ي", "ک": "ك", "ة": "ه",
}  # fmt: skip


def _plain(character: str) -> str | None:
    """What stands for a character in a clean text; None drops it."""
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character in _DROPPED_MARKS:
        return None
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.digit(character))
    return _BY_CATEGORY.get(category, character)


def _base(character: str) -> str:
    """A letter without its accents, as one letter."""
    return _LETTERS.get(character) or unicodedata.normalize("NFD", character)[0]


_PLAIN = {
    code: _plain(chr(code)) for block in _CHANGED_BLOCKS for code in block if code != ord("\n")
}
_BASE = {code: _base(chr(code)) for block in _FOLDED_BLOCKS for code in block}


# Letters of Latin script and the marks of ASCII. Most texts hold nothing else, and there is a way
# with them that is faster than to look each character up.
_LATIN_TEXT = re.compile("[\n -~\u00c0-\u024f\u1e00-\u1eff]*")


# A long dash without blanks parts a number from the words beside it; a hyphen joins them.
_LONG_DASH = re.compile(
    r"[\u2013-\u2015](?:(?<=[^\W\d_]{2}.)(?=[0-9]{4})|(?<=[0-9]{4}.)(?=[^\W\d_]{2}))"
)


def clean(text: str) -> str:
    """The text in NFKC, its digits, blanks, dashes and marks the plain ones, as written else."""
    composed = unicodedata.normalize("NFKC", text.replace("，", ", "))
    if _LATIN_TEXT.fullmatch(composed):
        return composed
    return _LONG_DASH.sub(" - ", composed).translate(_PLAIN)


def fold(shown: str) -> str:
    """A clean text in small letters without accents; each character keeps its place."""
    if shown.isascii():
        return shown.lower()
    return (_latin_base(shown) or shown.translate(_BASE)).lower()


def _latin_base(shown: str) -> str | None:
    """What the table says, of a Latin text whose letters are all an ASCII one and its accents."""
    if not _LATIN_TEXT.fullmatch(shown):
        return None
    apart = unicodedata.normalize("NFD", shown.replace("đ", "d").replace("Đ", "D"))
    base = apart.encode("ascii", "ignore").decode("ascii")
    return base if len(base) == len(shown) else None  # shorter where a letter has no such form


# ------------------------------------------------------------------------------------- blank out

# What stands in place of each character that is blanked out.
BLANK = "\0"

# Every repetition that can be tried from many places is bounded: the scan stays linear.
_ADDRESSES = r"""
    (?=[a-z0-9])(?<![a-z0-9.@/_%+-])(?:                                      # addresses
        https?://[^\x00-\x20,()<>"\x7f-\U0010ffff]+
      | [a-z0-9.-]*[a-z0-9]\.
        (?: (?:com|net|org|vn|info|edu|gov)(?![a-z0-9])(?:/[^\s,()<>]*)? | [a-z]{2,6}/[^\s,()<>]*)
      | [a-z0-9._%+-]+@[a-z0-9.-]+
      | (?![0-9]+\.)[a-z0-9._-]+\.                                          # files
        (?:pdf|docx|xlsx?|csv|txt|jpe?g|png|zip|rar|xml|apk)(?![a-z0-9])
      | (?:rm|rp|rs|vnd|usd|eur|inr|sar|aed|php|gbp)[0-9]+(?:[.,][0-9]+)*(?![0-9a-z])
    )
"""
# The first character is taken in front of the alternatives, since a scan for one out of a set is
# fast: each alternative goes on behind it, and looks back at it. Behind most numbers stands nothing
# that goes on with a shape, so that is asked first.
_NUMERALS = r"""
    [0-9@$+(*x.](?:
      (?<=[0-9])(?<![0-9a-z].)(?=[0-9]{0,3}[:hg/*x.,-]|[0-9]*/)(?:
          [0-9]?:[0-9]{2}(?::[0-9]{2})?(?![0-9])                             # hours
        | [0-9]?[hg](?:[0-9]{0,2}|[0-9]{1,2}p)(?![0-9a-z]|-(?:[0-9]{1,4}[a-z]{2}|[a-z]{1,4}[0-9]))
        | (?![0-9]{3,7}/[0-9]{1,3}[ ]?(?:p|ph|phut|s|giay|min|mins)(?![a-z0-9]))  # code/5p
          [0-9]*(?:/[0-9]+)+                                                 # dates, fractions
        | [0-9]?([-.])[0-9]{1,2}\1(?:19|20)[0-9]{2}(?![0-9])
        | (?:(?<=1)9|(?<=2)0)[0-9]{2}([-.])[0-9]{1,2}\2[0-9]{1,2}(?![0-9])
        | [0-9]?-(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)-[0-9]{2,4}(?![0-9a-z])
        | [0-9]{0,3}[*x]{2,16}[0-9]{2,4}(?![0-9a-z])                         # 0987***321
        | (?<![.].)(?!\.[0-9]\.[0-9]\.[0-9](?![0-9]))
          [0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![0-9])(?!\.[0-9])                  # 203.0.113.25
        | (?<![.,].)(?![0-9]{2}[.,][0-9]{3}(?![0-9]|[.,][0-9]))
          [0-9]{0,2}(?:[.,][0-9]{3})+(?:[.,][0-9]{1,2})?(?![0-9])(?![.,][0-9])  # 1.250.000
        | (?<![.,].)[0-9]{0,2}[.,][0-9]{1,2}(?![0-9])(?![.,-][0-9])          # 12.34
      )
    | (?<=8)(?<![0-9a-z].)[ ][0-9]{3}[ ][0-9]{3}-[0-9]{2}-[0-9]{2}(?![0-9])    # phones
    | (?<![0-9])(?:
          (?<=@)[a-z0-9.-]+
        | (?<=\$)[ ]?[0-9]+(?:[.,][0-9]+)*
        | (?<=\+)[ ]?[0-9]{1,4}(?:[ .()-]{1,2}[0-9]{2,4}(?![0-9])){1,4}
        | (?<=\+)[0-9]+(?:[.,][0-9]+)*
        | (?<=\()[0-9]{2,4}\)[ ]?[0-9]{3,4}[ .-][0-9]{3,4}(?![0-9])
        | (?<=\()(?:84[ .-]|0)[0-9]{1,2}\)[ ]?[0-9]{3,4}[ .]?[0-9]{3,4}(?![0-9])
        | (?<=\()[0-9]{3}\)[ ]?[0-9]{3}-[0-9]{2}-[0-9]{2}(?![0-9])
        | (?<=\*)[0-9][0-9*]{0,24}\#                                             # *101#
        | (?<=[*x])(?<![0-9a-z*].)(?:
              [*x]{1,15}(?:[ -][*x]{2,16}){0,4}[ -]?[0-9]{2,6}(?![0-9a-z*])      # ****1234
            | [0-9]{3,4}(?![0-9a-z*])
          )
        | (?<=\.)(?<![^\s(].)\.{1,15}[0-9]{3,4}(?![0-9])
      )
    )
"""
_SHAPES = re.compile(f"{_ADDRESSES}|{_NUMERALS}", re.VERBOSE)
# Addresses are tried at every word. Few texts hold one, and it is cheap to see that none does.
_SHAPES_BUT_ADDRESSES = re.compile(_NUMERALS, re.VERBOSE)
# What each address has in it: @, ://, a dot in front of a letter, or a digit behind one.
_SIGN_OF_ADDRESS = re.compile(r"[@:.0-9](?:(?<=@)|(?<=:)//|(?<=\.)[a-z]|(?<=[a-z][0-9]))")

_APP_HASH_TAIL = 16  # where the hash of an app stands, blanks behind it included
# A last word of eleven letters and digits lets an Android app find its own message; it is no code.
_APP_HASH = re.compile(
    r"(?<!\S)(?=[0-9A-Z+/]*[a-z])(?=\S[a-z+/]*[0-9A-Z])(?![a-z]+[/+][0-9]+\s*$)"
    r"[0-9A-Za-z+/]{11}\s*$"
)


def blank_out(shown: str, folded: str) -> str:
    """The folded text, with what has a shape of its own overwritten.

    Args:
        shown: the clean text.
        folded: the same text, folded.

    Returns:
        A text of the same length; `BLANK` stands for each character that was overwritten.
    """
    hashed = _APP_HASH.search(shown, max(0, len(shown) - _APP_HASH_TAIL))
    if hashed:
        folded = folded[: hashed.start()] + _blanks(hashed)
    shapes = _SHAPES if _SIGN_OF_ADDRESS.search(folded) else _SHAPES_BUT_ADDRESSES
    return shapes.sub(_blanks, folded)


def _blanks(match: re.Match[str]) -> str:
    return BLANK * (match.end() - match.start())
