"""The catalogue of refusals.

A refusal is an answer that the rules give: something asked for is not to be had. It carries a
stable code, a kind (what sort of answer it is) and a sentence for people. Each API maps codes to
its own statuses and texts in one place of its own. Everything that is not a refusal is a fault.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(Enum):
    """What sort of refusal it is, from the point of view of the one who asked."""

    AUTHENTICATION = "authentication"
    CONFLICT = "conflict"
    FORBIDDEN = "forbidden"
    FUNDS = "funds"
    INVALID = "invalid"
    LIMIT = "limit"
    MEDIA = "media"
    NOT_FOUND = "not_found"
    STOCK = "stock"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One entry of the catalogue.

    Attributes:
        sentence: says what is not to be had; it may hold `{fields}` that the details fill.
        remedy: says what the one who asked can do about it.
    """

    code: str
    kind: Kind
    sentence: str
    remedy: str


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """Raised by rules and flows to refuse; what the flow wrote so far is undone.

    Args:
        refusal: the entry of the catalogue.
        details: the values for the fields of its sentence; never a secret, a code, a message
            text or a whole phone number.
    """

    def __init__(self, refusal: Refusal, **details: str | int) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        """How it travels to another process, where it is a refusal of the same entry.

        Raises:
            KeyError: its entry does not stand in the catalogue.
        """
        return _refused, (_BY_CODE[self.refusal.code].code, self.details)

    @property
    def sentence(self) -> str:
        """The sentence for people, its fields filled."""
        return self.refusal.sentence.format(**self.details)

    def __str__(self) -> str:
        return self.sentence


def _entry(code: str, kind: Kind, sentence: str, remedy: str) -> Refusal:
    return Refusal(code, kind, sentence, remedy)


UNAUTHENTICATED = _entry(
    "unauthenticated",
    Kind.AUTHENTICATION,
    "The token is missing, wrong, revoked, or its account is not approved.",
    "Send `Authorization: Bearer` with the token of an approved dealer or distributor.",
)
WAITING_LIMIT = _entry(
    "waiting_limit",
    Kind.LIMIT,
    "At most {limit} rentals of this account may wait at a time.",
    "Wait until a rental ends, cancel one, or ask the operator for a higher limit.",
)
TOO_SOON = _entry(
    "too_soon",
    Kind.LIMIT,
    "Too soon: try again in {wait_s} s.",
    "Try again after that time.",
)
RATE_LIMITED = _entry(
    "rate_limited",
    Kind.LIMIT,
    "This token makes more calls than its rate allows: try again in {wait_s} s.",
    "Wait as long as `Retry-After` says; wait for codes with `wait_s` instead of polling.",
)
OPEN_LIMIT = _entry(
    "open_limit",
    Kind.LIMIT,
    "This account may have {limit} waits and streams open at a time.",
    "End some of them: one stream tells the events of all rentals.",
)
INSUFFICIENT_FUNDS = _entry(
    "insufficient_funds",
    Kind.FUNDS,
    "The available balance is below the price.",
    "Top the balance up, or rent a cheaper service.",
)
OUT_OF_STOCK = _entry(
    "out_of_stock",
    Kind.STOCK,
    "No line that fits is free now.",
    "Ask for fewer networks or prefixes, or queue with `wait_for_stock_s`; for one number, try "
    "again later.",
)
PRICE_ABOVE_MAX = _entry(
    "price_above_max",
    Kind.CONFLICT,
    "The price is {price_dong} đồng, above the highest that was asked for.",
    "Raise `max_price_dong`, or leave it out.",
)
SERVICE_UNAVAILABLE = _entry(
    "service_unavailable",
    Kind.NOT_FOUND,
    "There is no such service, or it is paused or closed.",
    "Choose a service that the list of services shows.",
)
RENTAL_UNKNOWN = _entry(
    "rental_unknown",
    Kind.NOT_FOUND,
    "This account has no such rental.",
    "Check the id; the list of rentals shows all of this account.",
)
NO_SUCH_RENTAL = _entry(
    "no_such_rental",
    Kind.NOT_FOUND,
    "There is no rental {rental}.",
    "List rentals with `simlet rentals`.",
)
MESSAGE_UNKNOWN = _entry(
    "message_unknown",
    Kind.NOT_FOUND,
    "There is no such message.",
    "List messages without a rental with `simlet quarantine`.",
)
NUMBER_NOT_RENTED = _entry(
    "number_not_rented",
    Kind.NOT_FOUND,
    "This account got no code on this number for this service.",
    "Name a number on which a rental of this service got its code, or name none.",
)
CANCEL_TOO_EARLY = _entry(
    "cancel_too_early",
    Kind.CONFLICT,
    "This rental can be cancelled in {wait_s} s.",
    "Try again after that time, or go on waiting for the code.",
)
NOT_EXTENDABLE = _entry(
    "not_extendable",
    Kind.CONFLICT,
    "This rental cannot be extended: {reason}.",
    "Rent again when its time is over.",
)
REQUEST_UNKNOWN = _entry(
    "request_unknown",
    Kind.NOT_FOUND,
    "This account has no such request.",
    "Check the id; the list of requests shows all of this account.",
)
CALLBACK_UNKNOWN = _entry(
    "callback_unknown",
    Kind.NOT_FOUND,
    "This account has no such callback.",
    "Check the id; the list of callbacks shows all of this account.",
)
CALLBACK_LIMIT = _entry(
    "callback_limit",
    Kind.LIMIT,
    "An account may have {limit} callbacks at most.",
    "Remove one that is not needed any more.",
)
CALLBACK_IS_DISABLED = _entry(
    "callback_disabled",
    Kind.CONFLICT,
    "This callback is disabled.",
    "Set its state to `active` first.",
)
EVENT_UNKNOWN = _entry(
    "event_unknown",
    Kind.NOT_FOUND,
    "This account has no such event.",
    "Check the id; the list of events shows all of this account.",
)
IDEMPOTENCY_KEY_REUSED = _entry(
    "idempotency_key_reused",
    Kind.CONFLICT,
    "This Idempotency-Key was used before, with another request.",
    "Use a new key for each new request, and the same one only to repeat the same request.",
)
ORDER_REUSED = _entry(
    "order_reused",
    Kind.CONFLICT,
    "This order id was used before, with other parameters.",
    "Use a new order id for each order.",
)
INVALID = _entry(
    "invalid", Kind.INVALID, "{name}: {reason}.", "Mend what is named, and send it again."
)
UNSUPPORTED_MEDIA_TYPE = _entry(
    "unsupported_media_type",
    Kind.MEDIA,
    "The body is not said to be JSON.",
    "Send `Content-Type: application/json`.",
)
BODY_TOO_LARGE = _entry(
    "body_too_large",
    Kind.TOO_LARGE,
    "The body is larger than {limit_bytes} bytes.",
    "Send less.",
)
ADDRESS_UNKNOWN = _entry(
    "address_unknown",
    Kind.NOT_FOUND,
    "There is no such address.",
    "See /docs for all operations.",
)
ACCOUNT_UNKNOWN = _entry(
    "account_unknown",
    Kind.NOT_FOUND,
    "There is no account {name!r}.",
    "List the accounts with `simlet account list`.",
)
ACCOUNT_EXISTS = _entry(
    "account_exists",
    Kind.CONFLICT,
    "There is an account {name!r} already.",
    "Choose another name.",
)
ACCOUNT_NOT_APPROVED = _entry(
    "account_not_approved",
    Kind.CONFLICT,
    "Account {name!r} has no approval: approve it before it gets a token.",
    "Approve it with `simlet account approve`.",
)
ACCOUNT_IS_SUSPENDED = _entry(
    "account_suspended",
    Kind.CONFLICT,
    "Account {name!r} is suspended: resume it first.",
    "Resume it with `simlet account resume`.",
)
TIER_WITHOUT_TOKEN = _entry(
    "tier_without_token",
    Kind.CONFLICT,
    "Account {name!r} is a member; only dealers and distributors get an API token.",
    "Use an account of another tier.",
)
SERVICE_UNKNOWN = _entry(
    "service_unknown",
    Kind.NOT_FOUND,
    "There is no service {service}.",
    "List the services with `simlet service list`.",
)
SERVICE_EXISTS = _entry(
    "service_exists",
    Kind.CONFLICT,
    "There is a service {service} already.",
    "Choose another id.",
)
PATTERN_REFUSED = _entry(
    "pattern_refused",
    Kind.INVALID,
    "The pattern is not usable: {reason}.",
    "Write the pattern in another way.",
)
LINE_UNKNOWN = _entry(
    "line_unknown",
    Kind.NOT_FOUND,
    "There is no such line.",
    "List the lines with `simlet line list`.",
)
NETWORK_UNKNOWN = _entry(
    "network_unknown",
    Kind.NOT_FOUND,
    "There is no network {name!r}.",
    "List the networks with `simlet network list`.",
)
NETWORK_EXISTS = _entry(
    "network_exists",
    Kind.CONFLICT,
    "There is a network {name!r} already.",
    "Choose another name.",
)
GATEWAY_UNKNOWN = _entry(
    "gateway_unknown",
    Kind.NOT_FOUND,
    "There is no gateway {name!r}.",
    "List the gateways with `simlet gateway list`.",
)
GATEWAY_EXISTS = _entry(
    "gateway_exists",
    Kind.CONFLICT,
    "There is a gateway {name!r} already.",
    "Choose another name.",
)
CREDIT_REUSED = _entry(
    "credit_reused",
    Kind.CONFLICT,
    "This reference was used before, with another amount or account.",
    "Use a new reference for each credit.",
)
DEBIT_REUSED = _entry(
    "debit_reused",
    Kind.CONFLICT,
    "This reference was used before, with another amount or account.",
    "Use a new reference for each debit.",
)
BALANCE_TOO_LOW = _entry(
    "balance_too_low",
    Kind.FUNDS,
    "The available balance is below the amount.",
    "Debit at most what is available; what waiting rentals hold cannot be taken.",
)
RENTAL_CLOSED = _entry(
    "rental_closed",
    Kind.CONFLICT,
    "This rental is closed already.",
    "Rent a number again.",
)


def invalid(name: str, reason: str) -> Refused:
    """A refusal of one input: its name, and a clause that says what was expected."""
    return Refused(INVALID, name=name, reason=reason)


CATALOGUE: tuple[Refusal, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Refusal)
)
_BY_CODE = {refusal.code: refusal for refusal in CATALOGUE}


def _refused(code: str, details: dict[str, str | int]) -> Refused:
    """A refusal that comes from another process, with the entry of this one's catalogue."""
    return Refused(_BY_CODE[code], **details)
