"""Which rental owns a message.

The rental must have been open on the line when the message was sent, and the message must fit
its service. The narrowest rule wins: sender and text, then the sender, then the text, then
catch-all. Among equals a rental that waits comes before one that has its code; of those that
wait the oldest comes first, of the others the newest.

Before all that: where a stamp is too coarse to tell one tenant of a line from the next, the message
is the earlier one's. It may be lost on a rental that is over, and is never given to a stranger.
"""

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from simlet.domain.patterns import compile_pattern
from simlet.domain.phone import normalise_sender
from simlet.domain.rental import Rental, RentalState
from simlet.domain.service import MatchRules

NO_FIT = 0
_CATCH_ALL, _TEXT, _SENDER, _BOTH = 1, 2, 3, 4
_KEPT_RULES = 4096


class Candidate(NamedTuple):
    """A rental that may own the message, with the rules of its service."""

    rental: Rental
    rules: MatchRules


def narrowness(rules: MatchRules, sender: str, text: str) -> int:
    """How narrowly a message fits a service; `NO_FIT` when it does not."""
    by_sender = normalise_sender(sender) in _normalised(rules.senders)
    by_text = bool(rules.texts) and _found(rules.texts, text)
    if by_sender or by_text:
        return _BOTH if by_sender and by_text else _SENDER if by_sender else _TEXT
    return _CATCH_ALL if rules.catch_all else NO_FIT


def _found(patterns: tuple[str, ...], text: str) -> bool:
    return any(compile_pattern(one).matches(text) for one in patterns)


@lru_cache(maxsize=_KEPT_RULES)
def _normalised(senders: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(normalise_sender, senders))


@lru_cache(maxsize=_KEPT_RULES)
def sender_key(sender: str) -> str:
    """A sender as it stands in `sender_keys`, if it is one of them; in ASCII, whatever it is."""
    return '"' + json.dumps(normalise_sender(sender))[1:-1].replace('\\"', "\\u0022") + '"'


def sender_keys(senders: Iterable[str]) -> str:
    """What tells by itself whether a sender is one of these: then its `sender_key` is in it.

    So that what cannot fit need not be read. Within a key quotes and ends of lines are escaped:
    none is found in the middle of another one, or across two.
    """
    return "\n".join(sorted({sender_key(one) for one in senders}))


def choose_owner(candidates: Iterable[Candidate], sender: str, text: str) -> Candidate | None:
    """The owner among rentals that were open when the message was sent; None when none fits."""
    fitting = [
        (width, one)
        for one in candidates
        if (width := narrowness(one.rules, sender, text)) != NO_FIT
    ]
    if len(fitting) <= 1:
        return fitting[0][1] if fitting else None
    fitting = [pair for pair in fitting if not _follows_another(pair[1], fitting)]
    return max(fitting, key=lambda pair: (pair[0], *_turn(pair[1].rental)))[1]


def _follows_another(one: Candidate, fitting: list[tuple[int, Candidate]]) -> bool:
    """Whether another account's rental, which fits too, had its turn before this one began."""
    return any(
        other.rental.account_id != one.rental.account_id
        and other.rental.id < one.rental.id
        and (
            other.rental.service_id == one.rental.service_id
            or other.rental.end_ms <= one.rental.created_at_ms
        )
        for _, other in fitting
    )


def _turn(rental: Rental) -> tuple[bool, int]:
    waiting = rental.state is RentalState.WAITING
    return waiting, -rental.id if waiting else rental.id
