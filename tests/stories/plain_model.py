"""The business in lists and dictionaries: what simlet must do, told again without any database.

Written from the rules alone, and as plainly as can be; it shares no code with what it judges.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

WAITING, RECEIVED, EXPIRED, CANCELLED = "waiting", "received", "expired", "cancelled"
QUEUED, FILLED, REFUSED = "queued", "filled", "refused"
OUT_OF_STOCK = "out_of_stock"


@dataclass(frozen=True)
class PlainService:
    """A service; a sender fits whole and in any case, a word when the text holds it."""

    id: int
    price_dong: int
    waiting_s: int
    sender: str | None = None
    word: str | None = None
    catch_all: bool = False
    cancel_after_s: int = 0
    extend_s: int = 0
    extend_times: int = 0

    def width(self, sender: str, text: str) -> int:
        """4 for sender and word, 3 for the sender, 2 for the word, 1 for anything, 0 for none."""
        by_sender = self.sender is not None and self.sender.lower() == sender.lower()
        by_word = self.word is not None and self.word in text.lower()
        if by_sender or by_word:
            return 4 if by_sender and by_word else 3 if by_sender else 2
        return 1 if self.catch_all else 0


@dataclass
class PlainAccount:
    """An account; what is held is the sum of its waiting rentals."""

    id: int
    limit: int
    available_dong: int = 0


@dataclass
class PlainRental:
    """A rental, with the text and the code that its dealer is shown."""

    id: int
    account: PlainAccount
    service: PlainService
    number: str
    created_ms: int
    state: str = WAITING
    again: bool = False
    shown: tuple[str, str | None] | None = None
    shown_sent_ms: int = 0
    extensions: int = 0
    reported: bool = False
    cancelled_ms: int | None = None

    @property
    def deadline_ms(self) -> int:
        waiting_s = self.service.waiting_s + self.extensions * self.service.extend_s
        return self.created_ms + waiting_s * 1000

    @property
    def end_ms(self) -> int:
        """When its time ended, or will."""
        return self.deadline_ms if self.cancelled_ms is None else self.cancelled_ms


@dataclass(frozen=True)
class PlainMessage:
    """A message as it is delivered; `code` is what is to be found in its text."""

    kind: str
    number: str
    sender: str
    text: str
    code: str | None
    stamp_ms: int | None
    source_id: str | None
    recording: bool = False

    def key(self) -> tuple[object, ...] | None:
        """What it is known by when it comes again."""
        said = (self.kind, self.number, self.sender, self.text)
        if self.source_id is not None:
            return ("id", self.source_id, *said)
        return None if self.stamp_ms is None else ("stamp", self.stamp_ms, *said)


@dataclass(frozen=True)
class Wish:
    """What is asked of a line: networks, prefixes wanted and not."""

    networks: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    def fits(self, number: str, network: str) -> bool:
        digits = number.removeprefix("+84")
        if self.networks and network not in self.networks:
            return False
        if self.wanted and not any(digits.startswith(one) for one in self.wanted):
            return False
        return not any(digits.startswith(one) for one in self.unwanted)


@dataclass
class PlainRequest:
    """A place in the queue."""

    id: int
    account: PlainAccount
    service: PlainService
    wish: Wish
    deadline_ms: int
    state: str = QUEUED

    def same_queue(self, service: PlainService, wish: Wish) -> bool:
        return self.service is service and self.wish == wish


@dataclass
class PlainModel:
    """All of it. `owners` has for each message kept the rental that it went to, or the reason."""

    networks: dict[str, str]
    services: dict[int, PlainService]
    accounts: dict[int, PlainAccount]
    rentals: list[PlainRental] = field(default_factory=list)
    orders: dict[tuple[int, str], tuple[object, PlainRental]] = field(default_factory=dict)
    credits: dict[str, tuple[int, int]] = field(default_factory=dict)
    debits: dict[str, tuple[int, int]] = field(default_factory=dict)
    keys: dict[tuple[object, ...], int] = field(default_factory=dict)
    owners: dict[int, PlainRental | str] = field(default_factory=dict)
    revenue_dong: int = 0
    requests: list[PlainRequest] = field(default_factory=list)

    def waiting_of(self, account: PlainAccount) -> list[PlainRental]:
        return [one for one in self.rentals if one.account is account and one.state == WAITING]

    # ------------------------------------------------------------------------------- renting

    def free_numbers(
        self,
        account: PlainAccount,
        service: PlainService,
        wish: Wish,
        now_ms: int,
        asked_as: PlainRequest | None = None,
    ) -> set[str] | str:
        """The numbers that may be given, or the reason why none is.

        Where a line that is found may be somebody's who came before, out of stock is right too.
        """
        refusal = self._refusal(account, service)
        if refusal:
            return refusal
        free = {
            number
            for number, network in self.networks.items()
            if wish.fits(number, network)
            and not self._is_used(number, service)
            and self._is_free(number, account, service, now_ms)
            and not self._has_reported(account, service, number)
        }
        claimed = {
            number for number in free if self._claimed(number, service, wish, now_ms, asked_as)
        }
        return ((free - claimed) | ({OUT_OF_STOCK} if claimed else set())) or OUT_OF_STOCK

    def _claimed(
        self,
        number: str,
        service: PlainService,
        wish: Wish,
        now_ms: int,
        asked_as: PlainRequest | None,
    ) -> bool:
        """Whether somebody who asked for the same before could have the line."""
        return any(
            one.same_queue(service, wish)
            and one.state == QUEUED
            and now_ms < one.deadline_ms
            and (asked_as is None or one.id < asked_as.id)
            and len(self.waiting_of(one.account)) < one.account.limit
            and not self._has_reported(one.account, service, number)
            for one in self.requests
        )

    def _has_reported(self, account: PlainAccount, service: PlainService, number: str) -> bool:
        return any(
            one.reported
            for one in self.rentals
            if one.account is account and one.service is service and one.number == number
        )

    def may_rent_again(
        self,
        account: PlainAccount,
        earlier: PlainRental,
        number: str,
        service: PlainService,
        now_ms: int,
    ) -> str | None:
        """None when a rental's number may be rented again, or the reason why not."""
        refusal = self._refusal(account, service)
        if refusal:
            return refusal
        same = earlier.account is account and earlier.service is service
        gave_code = same and earlier.number == number and earlier.state == RECEIVED
        free = gave_code and self._is_free(number, account, service, now_ms)
        return None if free else OUT_OF_STOCK

    def begin(
        self,
        rental_id: int,
        account: PlainAccount,
        service: PlainService,
        number: str,
        now_ms: int,
        *,
        again: bool = False,
    ) -> PlainRental:
        rental = PlainRental(rental_id, account, service, number, now_ms, again=again)
        self.rentals.append(rental)
        account.available_dong -= service.price_dong
        return rental

    def queued_of(self, account: PlainAccount) -> int:
        return sum(one.account is account and one.state == QUEUED for one in self.requests)

    def _refusal(self, account: PlainAccount, service: PlainService) -> str | None:
        if len(self.waiting_of(account)) >= account.limit:
            return "waiting_limit"
        return "insufficient_funds" if account.available_dong < service.price_dong else None

    def _is_used(self, number: str, service: PlainService) -> bool:
        return any(
            one.number == number and one.service is service and one.state == RECEIVED
            for one in self.rentals
        )

    def _is_free(
        self, number: str, account: PlainAccount, service: PlainService, now_ms: int
    ) -> bool:
        for one in self.rentals:
            if one.number != number:
                continue
            if one.service is service and one.state == WAITING:
                return False
            alone = one.service.catch_all or service.catch_all
            listens = (
                one.state == RECEIVED and one.account is not account and now_ms < one.deadline_ms
            )
            if alone and (one.state == WAITING or listens):
                return False
        return True

    # -------------------------------------------------------------------------------- ending

    def expire(self, now_ms: int) -> list[PlainRental]:
        """Ends what is overdue; the rentals that gave their price back."""
        overdue = [
            one for one in self.rentals if one.state == WAITING and one.deadline_ms <= now_ms
        ]
        for one in overdue:
            self.release(one)
        return overdue

    def release(self, rental: PlainRental) -> None:
        assert rental.state == WAITING
        rental.state = EXPIRED
        rental.account.available_dong += rental.service.price_dong

    def may_cancel(self, rental: PlainRental, now_ms: int) -> str:
        """What becomes of a rental that its dealer cancels, or the reason why nothing does."""
        if rental.state != WAITING:
            return rental.state
        if now_ms >= rental.deadline_ms:
            return EXPIRED
        early = now_ms < rental.created_ms + rental.service.cancel_after_s * 1000
        return "cancel_too_early" if early else CANCELLED

    def leave(self, rental: PlainRental, now_ms: int) -> None:
        """Ends a rental that waits, because its dealer does not."""
        if rental.state == WAITING:
            overdue = now_ms >= rental.deadline_ms
            self.release(rental)
            if not overdue:
                rental.state, rental.cancelled_ms = CANCELLED, now_ms

    def may_extend(self, rental: PlainRental, now_ms: int) -> bool:
        waits = rental.state == WAITING and now_ms < rental.deadline_ms
        return waits and bool(rental.extensions < rental.service.extend_times)

    def settle(self, rental: PlainRental) -> None:
        assert rental.state == WAITING
        rental.state = RECEIVED
        self.revenue_dong += rental.service.price_dong

    # ------------------------------------------------------------------------------ messages

    def known_as(self, message: PlainMessage) -> int | None:
        """The id of the message that this one is a repetition of."""
        key = message.key()
        return None if key is None else self.keys.get(key)

    def claims(self, message: PlainMessage, now_ms: int) -> list[PlainRental] | str:
        """The rentals that it fits most narrowly, oldest first, or why it is nobody's."""
        if message.number not in self.networks:
            return "unknown_number"
        then = [
            one
            for one in self.rentals
            if one.number == message.number and _was_open(one, message.stamp_ms, now_ms)
        ]
        fitting = [one for one in then if one.service.width(message.sender, message.text)]
        if not fitting:
            return "no_rule_fits" if then else "no_rental"
        firsts = [one for one in fitting if not any(_before(other, one) for other in fitting)]
        widths = [one.service.width(message.sender, message.text) for one in firsts]
        return [one for one, width in zip(firsts, widths, strict=True) if width == max(widths)]

    def owner_of(self, message: PlainMessage, now_ms: int) -> PlainRental | str:
        """Whose it is, or why it is nobody's."""
        claims = self.claims(message, now_ms)
        if isinstance(claims, str):
            return claims
        waiting = [one for one in claims if one.state == WAITING]
        return waiting[0] if waiting else claims[-1]

    def keep(
        self, message_id: int, message: PlainMessage, owner: PlainRental | str, now_ms: int
    ) -> None:
        """Keeps a new message for its owner."""
        self.owners[message_id] = owner
        key = message.key()
        if key is not None:
            self.keys[key] = message_id
        if isinstance(owner, str) or not (message.code or message.recording):
            return
        if owner.state == WAITING:
            self.settle(owner)
        if owner.state == RECEIVED:
            _show(owner, message, now_ms)

    # ------------------------------------------------------------------------------- figures

    def figures(self) -> dict[int, tuple[int, int, int]]:
        """Available, held and the number of waiting rentals of each account."""
        return {
            one.id: (
                one.available_dong,
                sum(rental.service.price_dong for rental in self.waiting_of(one)),
                len(self.waiting_of(one)),
            )
            for one in self.accounts.values()
        }

    def given_twice(self) -> Iterator[str]:
        """Lines that gave a code for a service more than once, other than by renting again."""
        seen = set()
        for one in self.rentals:
            if one.state == RECEIVED and not one.again:
                if (one.number, one.service.id) in seen:
                    yield f"{one.number} for service {one.service.id}"
                seen.add((one.number, one.service.id))


def _was_open(rental: PlainRental, stamp_ms: int | None, now_ms: int) -> bool:
    """A stamp in whole seconds may mean any moment of its second, up to now."""
    first_ms = last_ms = now_ms if stamp_ms is None else min(stamp_ms, now_ms)
    if first_ms % 1000 == 0 and stamp_ms is not None and stamp_ms < now_ms:
        last_ms = min(first_ms + 999, now_ms)
    return max(first_ms, rental.created_ms) <= min(last_ms, rental.end_ms - 1)


def _before(one: PlainRental, other: PlainRental) -> bool:
    """Whether another tenant's time was over when this one's began: a coarse stamp means his."""
    return one.account is not other.account and one.end_ms <= other.created_ms


def _show(rental: PlainRental, message: PlainMessage, now_ms: int) -> None:
    """A code is shown rather than none, and then what was sent later."""
    sent_ms = now_ms if message.stamp_ms is None else min(message.stamp_ms, now_ms)
    if rental.shown is not None:
        had, has = rental.shown[1] is not None, message.code is not None
        if (had and not has) or (had == has and rental.shown_sent_ms > sent_ms):
            return
    rental.shown, rental.shown_sent_ms = (message.text, message.code), sent_ms
