"""The words around numbers in a text: what role each has.

The tables are folded once, at import, and everything here is looked up in the clean, folded form
of a text (see `code_text`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from simlet.domain import code_names as names
from simlet.domain import code_speech as speech
from simlet.domain.code_roles import Role
from simlet.domain.code_tables import pattern_of, phrases_of

_KEY_VI = "ma "
_KEYS_EN = ("code", "number", "no", "id")

_TABLES: tuple[tuple[Role, str], ...] = (
    # Where two tables hold the same phrase, the later one counts.
    (Role.PLAIN, speech.NO_DIGIT),
    (Role.PURPOSE, speech.PURPOSE),
    (Role.PROMO, speech.PROMO),
    (Role.SHARE, speech.SHARE),
    (Role.ACT, speech.ACT),
    (Role.TOPIC, names.TOPIC),
    (Role.GOODS, names.GOODS),
    (Role.SUM, names.SUM),
    (Role.OTHER, names.OTHER),
    (Role.CONTACT, names.CONTACT),
    (Role.COMPOSE, names.COMPOSE),
    (Role.SEND, names.SEND),
    (Role.FOR, speech.FOR),
    (Role.OWNER, speech.OWNER),
    (Role.THIS, speech.THIS),
    (Role.LINK, speech.LINK),
    (Role.AVOID, names.AVOID),
    (Role.OLD, names.OLD),
    (Role.WORD, names.WORD),
    (Role.CODE, names.CODE),
)

# Words for codes in languages that bend or join their words: kodunuz, Prüfcode, engangskoden.
_STEMS = ("kodu", "kodo", "kode", "kody", "kodn", "sifre", "parol", "heslo", "hasl", "salasan")
_ENDINGS = (
    "code", "codes", "kode", "koden", "kod", "kodu", "kodunuz", "koodi", "koodisi", "passwort",
    "passord",
)  # fmt: skip
_CODE_ENDINGS = ("otp", "otpcode")
# Most words are none of these: how they start and end says so at once.
_FIRST_LETTERS = {stem[:4] for stem in _STEMS}
_LAST_LETTERS = {ending[-3:] for ending in _ENDINGS + _CODE_ENDINGS}
_PLAIN = Role.PLAIN  # to look a member of an Enum up takes as long as all the rest
# A word of Latin script with no more characters may be an abbreviation: ref, acc, stk.
ABBREVIATION_CHARS = 4


def _keys() -> Iterator[str]:
    """The names of the keys of all sorts of things."""
    named = [phrase for phrase in phrases_of(names.OTHER) if phrase.startswith(_KEY_VI)]
    named += [f"{_KEY_VI}{thing}" for thing in phrases_of(names.KEYED_VI)]
    for name in named:
        yield name
        yield f"{_KEY_VI}so {name.removeprefix(_KEY_VI)}"
    for thing in phrases_of(names.KEYED_EN):
        yield from (f"{thing} {key}" for key in _KEYS_EN)


def _phrases_by_role() -> Iterator[tuple[Role, str]]:
    """Each phrase and its role; of a phrase that comes twice, the later role counts."""
    yield from ((Role.OTHER, name) for name in _keys())
    for role, table in _TABLES:
        yield from ((role, phrase) for phrase in phrases_of(table))


@dataclass(slots=True)
class Phrase:
    """Some words in a row, as the tables hold them."""

    role: Role | None = None  # None: they only start longer phrases
    longer: dict[str, "Phrase"] = field(default_factory=dict)  # next word → the phrase with it


def _spaced_words() -> dict[str, Phrase]:
    start = Phrase()
    for role, phrase in _phrases_by_role():
        if phrase.isascii():
            at = start
            for word in re.findall(r"[a-z0-9]+|[^\s']", phrase):
                at = at.longer.setdefault(word, Phrase())
            at.role = role
    return start.longer


def _other_scripts() -> dict[str, Role]:
    return {phrase: role for role, phrase in _phrases_by_role() if not phrase.isascii()}


# First word → the phrases of Latin script that start with it.
PHRASES = _spaced_words()
# Phrase of another script → its role, and a pattern that finds the longest such phrase.
SCRIPT_ROLE = _other_scripts()
SCRIPT_PHRASE = re.compile(pattern_of(SCRIPT_ROLE))


def role_of(word: str) -> Role | None:
    """The role of one folded word of Latin script; None where no table holds it by itself."""
    known = PHRASES.get(word)
    return known.role if known else None


def role_by_form(word: str) -> Role:
    """The role of a folded word that no table holds, by how it starts or ends; else PLAIN."""
    if word[:4] not in _FIRST_LETTERS and word[-3:] not in _LAST_LETTERS:
        return _PLAIN
    if len(word) <= ABBREVIATION_CHARS:
        return Role.CODE if word.endswith("otp") else _PLAIN
    if word.endswith(_CODE_ENDINGS):
        return Role.CODE
    return Role.WORD if word.startswith(_STEMS) or word.endswith(_ENDINGS) else _PLAIN
