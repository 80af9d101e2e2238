"""Which number of a text is its code: each is weighed by the words around it.

A number *claims* to be the code by the name in front of it or behind it, the nearer the stronger.
What bears another name, or is called old, is ruled out.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass

from simlet.domain.code_numbers import DOUBT_OF_HOTLINE, MIN_DIGITS, Items
from simlet.domain.code_roles import LABELS, Role

# How the claims of numbers are counted: see _Judge.
_ENOUGH = 4
_ENOUGH_MIXED = 6
_ENOUGH_LETTERS = 7
_STRONG = 6
_RULED_OUT = -10  # it bears another name; only a strong claim from its other side helps
_OUTDATED = -20  # it is an old code, or one not to be used
_WINDOW_ITEMS = 40  # how far from a number its name is looked for
_NEAR_WORDS = 3
_FAR_WORDS = 8
_USUAL_CODE = 6
_SURENESS = {Role.CODE: 4, Role.WORD: 3}

_LETTER_SIZES = range(5, 9)
_UNSPEAKABLE = re.compile("(?=[B-DF-HJ-NP-TV-XZ]*[AEIOUY]?[B-DF-HJ-NP-TV-XZ]*$)[A-Z]{5,8}")
_CAPITALS = re.compile("[A-Z]{5}")  # without that, the text holds no code of letters alone

_LINKS = {Role.LINK, Role.COLON}
_LINKS_BEHIND = {Role.LINK, Role.COLON, Role.OWNER}
_TOPICS = {Role.TOPIC, Role.GOODS, Role.SEND}
_SEEN_THROUGH = {Role.MARK, Role.OWNER, Role.LINE, Role.LINK, Role.COLON, Role.FOR, Role.THIS}
_PURPOSES = {Role.PURPOSE, Role.CODE, Role.WORD}
_NUMBERS = {Role.NUMBER, Role.THING}
_STOPS = {Role.END, Role.COMMA, Role.NUMBER, Role.THING}
_PAUSES = {Role.LINE, Role.COMMA, Role.NUMBER, Role.THING}
_BREAKS = {Role.END, Role.LINE, Role.THING, Role.MARK, Role.COLON}
_OPENINGS = {Role.END, Role.LINE, Role.COLON, Role.MARK}
_OUTDATING = {Role.OLD, Role.AVOID}
_SECRETS = {"pin", "pin code", "password"}  # no parcel and no voucher is called by these
_UNTOLD = {Role.SHARE, Role.OLD}
_ALSO_LINKS = {"to", "on"}  # what is for in English is is in Polish and in Finnish
_IT_IS = {"it is", "it's"}
_BARE = {Role.NUMBER, Role.PLAIN, Role.PURPOSE, *_BREAKS}

# What each step asks for: to look a member of an Enum up in its class takes as long as the step.
_ACT, _COMMA, _END, _FOR, _LINK = Role.ACT, Role.COMMA, Role.END, Role.FOR, Role.LINK
_NUMBER, _OLD, _OWNER, _PLAIN = Role.NUMBER, Role.OLD, Role.OWNER, Role.PLAIN
_PURPOSE, _SEND, _SHARE, _SUM = Role.PURPOSE, Role.SEND, Role.SHARE, Role.SUM


def find_strongest(items: Items, shown: str) -> str | None:
    """The number of a text with the strongest claim to be its code.

    Args:
        items: what was read in the text.
        shown: the clean text.

    Returns:
        The code; None where no claim is strong enough.
    """
    return _Judge(items, shown).best()


@dataclass(slots=True)
class _Walk:
    """What was passed on the way from a number back to its name."""

    link: Role | None = None  # is, là or a colon, right in front of the number
    words: int = 0
    passed: bool = False  # another number
    taken: bool = False  # … that has the name for itself
    otherwise: bool = False  # is says that the number is another one: mã PUK của SIM là

    @property
    def bare(self) -> bool:
        """Nothing that counts lies between."""
        return not self.words and not self.passed


class _Judge:
    """Weighs the numbers of one text by the items around them."""

    def __init__(self, items: Items, shown: str) -> None:
        self.rows = items.rows
        self.roles = [role for role, _, _ in items.rows]
        self.numbers = items.numbers
        self.shown = shown
        self.claims: dict[int, int] = {}  # of each number weighed so far
        self.stops = [at for at, role in enumerate(self.roles) if role is _END]
        self.said: dict[int, set[Role]] = {}  # sentence → its roles, of those asked for so far
        self.promotes = Role.PROMO in self.roles

    def best(self) -> str | None:
        """The number with the strongest claim, if it is strong enough."""
        for at in self.numbers:
            self.claims[at] = self._claim(at)
        fit = [at for at in self.numbers if self.claims[at] >= self._enough(at)]
        if fit:
            return self.numbers[max(fit, key=self._rank)].value
        return self._only_one() or self._letters()

    def _enough(self, at: int) -> int:
        return _ENOUGH_MIXED if self.numbers[at].mixed else _ENOUGH

    def _rank(self, at: int) -> tuple[int, bool, int]:
        return self.claims[at], len(self.numbers[at].value) == _USUAL_CODE, -at

    def _claim(self, at: int) -> int:
        before, after = self._before(at), self._after(at)
        weaker, stronger = min(before, after), max(before, after)
        if weaker <= _OUTDATED or (weaker <= _RULED_OUT and stronger < _STRONG):
            return _RULED_OUT
        return stronger - self.numbers[at].doubt

    # What stands in front of a number.

    def _before(self, at: int) -> int:
        """How much what stands in front of a number says for it, or (_RULED_OUT) against it."""
        walk, acted = _Walk(), 0
        for back in range(at - 1, max(-1, at - 1 - _WINDOW_ITEMS), -1):
            role = self.roles[back]
            if role in _SURENESS:
                return max(acted, self._named(at, back, walk))
            if role is _END:
                break
            if not walk.bare:
                self._step(walk, back)
            elif role in _LINKS:
                walk.link = walk.link or role
            elif role in LABELS and not self._counts_a_sum(back):
                return self._labelled(back, walk.link)
            else:
                acted = self._acted(at) if role is _ACT else 0
                self._step(walk, back)
        return _RULED_OUT if walk.otherwise else acted

    def _step(self, walk: _Walk, back: int) -> None:
        role = self.roles[back]
        if role in _NUMBERS:
            walk.passed = True
            walk.taken = walk.taken or self.claims.get(back, 0) > _ENOUGH
        elif role is _COMMA or (role is _FOR and walk.bare and not walk.link):
            walk.words += 0 if walk.link else _NEAR_WORDS + self._is_for(back)
        elif role not in _SEEN_THROUGH:
            walk.words += 1
            walk.otherwise = walk.otherwise or (role is Role.OTHER and self._is_said(walk))

    def _is_said(self, walk: _Walk) -> bool:
        """Whether what is passed is what is tells of: near, and no other number between."""
        return walk.link is _LINK and not walk.passed and walk.words <= _NEAR_WORDS

    def _is_for(self, at: int) -> bool:
        """Whether an item says that what follows is what the code is for."""
        return at >= 0 and self.roles[at] is _FOR and self.rows[at][1] not in _ALSO_LINKS

    def _counts_a_sum(self, at: int) -> bool:
        """Whether a currency stands behind its sum: 500,000 VND."""
        return self.roles[at] is _SUM and at > 0 and self.roles[at - 1] in _NUMBERS

    def _named(self, at: int, back: int, walk: _Walk) -> int:
        """A word for codes stands in front: the nearer, the better."""
        if (walk.words and self._heads_another(at)) or self._belongs_in_front(back):
            return 0
        sure = self._sureness(back)
        taken = 3 if walk.taken else 0
        if walk.words == 0:
            return sure + 4 - taken - (2 if self._is_like_a_hotline(at, back) else 0)
        warned = self._has(back, Role.SHARE)
        if walk.link:
            taken = min(taken, 1) if walk.link is Role.LINK else taken
            return sure + 3 - taken - (1 if warned else 0)
        if walk.words <= _NEAR_WORDS:
            return sure + (0 if warned else 1) - taken
        return 0 if warned else sure - 1 - taken

    def _heads_another(self, at: int) -> bool:
        """Whether the next number is what this one stands in front of: OTP cho 4821: 482913."""
        behind = self.roles[at + 1 : at + 3]
        return len(behind) == 2 and behind[0] in _LINKS and behind[1] is _NUMBER

    def _belongs_in_front(self, named: int) -> bool:
        """Whether a word for codes is said of the number in front of it: 482913 is your code."""
        linked = False
        for role in reversed(self.roles[max(0, named - _NEAR_WORDS - 1) : named]):
            if role is _NUMBER:
                return linked
            if role is _LINK:
                linked = True
            elif role is not _OWNER and role is not Role.MARK:
                return False
        return False

    def _is_like_a_hotline(self, at: int, named: int) -> bool:
        """Whether a number that looks like a hotline follows a warning."""
        number = self.numbers.get(at)
        return number is not None and number.doubt >= DOUBT_OF_HOTLINE and self._has(named, _SHARE)

    def _sureness(self, at: int) -> int:
        """How surely a word speaks of a one-time code, and not of a voucher or a parcel."""
        role = self.roles[at]
        if role is Role.WORD:
            beside = set(self.roles[max(0, at - 2) : at])
            goods = Role.GOODS in beside and self.rows[at][1] not in _SECRETS
            if self._has(at, Role.PROMO) or (goods and not beside & _BREAKS):
                return _SURENESS[role] - 4
        return _SURENESS[role]

    def _labelled(self, back: int, link: Role | None) -> int:
        """The number bears another name, unless that is only what the code is for."""
        role = self.roles[back]
        if role in _OUTDATING:
            return _OUTDATED
        if role is _SEND and self._has(back, Role.COMPOSE):
            return _RULED_OUT  # soạn … gửi 9029
        for_it = link is _LINK if role is Role.OTHER else link is not None and role in _TOPICS
        names = 0
        for head in range(back - 1, max(-1, back - 1 - _WINDOW_ITEMS), -1):
            between = self.roles[head]
            if between in _SURENESS:
                if for_it:
                    return _SURENESS[between] + 2
                return _SURENESS[between] if role in _TOPICS and not names else _RULED_OUT
            if between is _PURPOSE and role in _TOPICS and link:
                return 5
            if between in _STOPS:
                break
            names += between is not _OWNER
        return _RULED_OUT

    def _acted(self, at: int) -> int:
        """A verb like enter or use stands right in front: what for?"""
        here = self._sentence(at)
        if not self._said(here).isdisjoint(_PURPOSES):
            return 6
        if here and not self._said(here - 1).isdisjoint(_PURPOSES):
            return 5
        return _ENOUGH if self._leads_on(at) else 3

    def _leads_on(self, at: int) -> bool:
        """Whether a usual code is to be entered for some end, which is no rebate."""
        behind = self.roles[at + 1 : at + 1 + _WINDOW_ITEMS]
        told = behind[: behind.index(_END)] if _END in behind else behind
        number = self.numbers.get(at)
        usual = number is not None and len(number.value) == _USUAL_CODE
        return usual and _FOR in told and not self.promotes

    # What stands behind a number.

    def _after(self, at: int) -> int:
        """How much what stands behind a number says for it, or (_RULED_OUT) against it."""
        link: Role | None = None
        words, other = 0, False
        for ahead, role in enumerate(self.roles[at + 1 : at + 1 + _WINDOW_ITEMS], start=at + 1):
            if role in _SURENESS:
                return self._named_behind(at, ahead, words, link)
            if role is _OLD and words <= 1 and not self._names_next(ahead, self.numbers[at].value):
                return _OUTDATED
            if role is _PURPOSE and not words and self._first(at):
                return _ENOUGH  # 482 113 to sign in
            if role is _END or (role in _PAUSES and not link):
                break
            if role in _LINKS_BEHIND and not words:
                link = link or role
            elif role in LABELS:
                other = other or words == 0
                words += 1
            elif role not in _SEEN_THROUGH:
                words += 1
        return _RULED_OUT if other and link is _LINK else 0

    def _named_behind(self, at: int, ahead: int, words: int, link: Role | None) -> int:
        said_of_it = link is _LINK and not words
        if not said_of_it and self._names_next(ahead, self.numbers[at].value):
            return 0
        sure = self._sureness(ahead)
        if link:
            return sure + (2 if link is Role.COLON else 3) if words <= _FAR_WORDS else sure
        first = self._first(at)
        if words == 0:
            return sure + (3 if first else 1)
        return sure + (1 if first else -2) if words <= _NEAR_WORDS else 0

    def _first(self, at: int) -> bool:
        """Whether the number opens the message, or what follows a stop or a bracket."""
        return at == 0 or self.roles[at - 1] in _OPENINGS

    def _names_next(self, at: int, value: str) -> bool:
        """Whether a word for codes belongs to the number behind it, another one."""
        words, link = 0, False
        for ahead, role in enumerate(self.roles[at + 1 : at + 1 + _WINDOW_ITEMS], start=at + 1):
            if role is _NUMBER:
                return (link or words == 0) and self.numbers[ahead].value != value
            if role in _STOPS or role in LABELS:
                return False
            if role in _LINKS:
                link = True
            elif role not in _SEEN_THROUGH:
                words += 1
        return False

    # A message that says code somewhere, and holds one number without a name.

    def _only_one(self) -> str | None:
        open_ones = [
            at
            for at, number in self.numbers.items()
            if self.claims[at] > _RULED_OUT and not number.mixed and not number.doubt
            if not self._is_for(at - 1)
        ]
        values = {self.numbers[at].value for at in open_ones}
        if len(values) != 1:
            return None
        at = open_ones[0]
        named = [back for back, role in enumerate(self.roles) if role in _SURENESS]
        telling = [back for back in named if self._tells(back)]
        near = any(
            abs(self._sentence(at) - self._sentence(back)) <= 1
            and (self.roles[back] is Role.CODE or self._this(back) or self._is_it(at))
            for back in telling
        )
        long = len(self.numbers[at].value) > MIN_DIGITS
        alone = self._alone(at) and (telling or (named and at == 0))
        if alone or (near and long) or self._bare():
            return values.pop()
        return None

    def _is_it(self, at: int) -> bool:
        """Whether the words in front of a number stand for what was named before: it is."""
        return at > 0 and self.rows[at - 1][1] in _IT_IS

    # A code of letters alone: capitals that spell no word, right behind a word for codes.

    def _letters(self) -> str | None:
        if not _CAPITALS.search(self.shown):
            return None
        for at, (role, folded, start) in enumerate(self.rows):
            if role is _PLAIN and len(folded) in _LETTER_SIZES and self._ends(at):
                word = self.shown[start : start + len(folded)]
                if _UNSPEAKABLE.fullmatch(word) and self._before(at) >= _ENOUGH_LETTERS:
                    return word
        return None

    def _ends(self, at: int) -> bool:
        """Whether an item is the last one, or stands in front of a stop or a bracket."""
        return at + 1 == len(self.roles) or self.roles[at + 1] in _BREAKS

    def _tells(self, at: int) -> bool:
        """Whether a word for codes says that the message brings one: a warning does not."""
        return self._this(at) or self._said(self._sentence(at)).isdisjoint(_UNTOLD)

    def _this(self, at: int) -> bool:
        """Whether the word stands beside a this (this code, mã này), or behind it is."""
        return Role.THIS in self.roles[max(0, at - 1) : at + 2] or any(
            word in _IT_IS for _, word, _ in self.rows[max(0, at - _NEAR_WORDS) : at]
        )

    def _alone(self, at: int) -> bool:
        return (at == 0 or self.roles[at - 1] in _BREAKS) and self._ends(at)

    def _bare(self) -> bool:
        """A message that is only a number, or a name and a number: Zalo: 4821, (Zalo) 4821."""
        if not _BARE.issuperset(self.roles):
            return False
        words = self.roles.count(_PLAIN) + self.roles.count(_PURPOSE)
        apart = Role.COLON in self.roles or self.roles[0] is Role.MARK
        return not words or (words <= 2 and apart)

    def _has(self, at: int, role: Role) -> bool:
        return role in self._said(self._sentence(at))

    def _sentence(self, at: int) -> int:
        """How many sentences end before an item."""
        return bisect_left(self.stops, at)

    def _said(self, sentence: int) -> set[Role]:
        """The roles of the items of a sentence, its stop among them."""
        if sentence not in self.said:
            start = self.stops[sentence - 1] + 1 if sentence else 0
            end = self.stops[sentence] + 1 if sentence < len(self.stops) else len(self.roles)
            self.said[sentence] = set(self.roles[start:end])
        return self.said[sentence]
