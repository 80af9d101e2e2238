"""The catalogue of refusals.

A refusal is an answer that the rules give: something asked for is not to be had. It carries a
stable code, a kind (what sort of answer it is) and a sentence for people. Each API maps codes to
its own statuses and texts in one place of its own. Everything that is not a refusal is a fault.
"""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What sort of refusal it is, from the point of view of the one who asked."""

    AUTHENTICATION = "authentication"
    CONFLICT = "conflict"
    FUNDS = "funds"
    INVALID = "invalid"
    LIMIT = "limit"
    NOT_FOUND = "not_found"
    STOCK = "stock"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One entry of the catalogue. `sentence` may hold `{fields}` that the details fill."""

    code: str
    kind: Kind
    sentence: str


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

    @property
    def sentence(self) -> str:
        """The sentence for people, its fields filled."""
        return self.refusal.sentence.format(**self.details)

    def __str__(self) -> str:
        return self.sentence


def _entry(code: str, kind: Kind, sentence: str) -> Refusal:
    return Refusal(code, kind, sentence)


UNAUTHENTICATED = _entry(
    "unauthenticated",
    Kind.AUTHENTICATION,
    "The token is missing, wrong, revoked, or its account is not approved.",
)
WAITING_LIMIT = _entry(
    "waiting_limit", Kind.LIMIT, "At most {limit} rentals of this account may wait at a time."
)
TOO_SOON = _entry("too_soon", Kind.LIMIT, "Too soon: try again in {wait_s} s.")
INSUFFICIENT_FUNDS = _entry(
    "insufficient_funds", Kind.FUNDS, "The available balance is below the price."
)
OUT_OF_STOCK = _entry("out_of_stock", Kind.STOCK, "No line that fits is free now.")
SERVICE_UNAVAILABLE = _entry(
    "service_unavailable", Kind.NOT_FOUND, "There is no such service, or it is paused or closed."
)
RENTAL_UNKNOWN = _entry("rental_unknown", Kind.NOT_FOUND, "This account has no such rental.")
ORDER_REUSED = _entry(
    "order_reused",
    Kind.CONFLICT,
    "This order id was used before, with other parameters.",
)
INVALID = _entry("invalid", Kind.INVALID, "{name}: {reason}.")
ACCOUNT_UNKNOWN = _entry("account_unknown", Kind.NOT_FOUND, "There is no account {name!r}.")
ACCOUNT_EXISTS = _entry("account_exists", Kind.CONFLICT, "There is an account {name!r} already.")
ACCOUNT_NOT_APPROVED = _entry(
    "account_not_approved",
    Kind.CONFLICT,
    "Account {name!r} has no approval: approve it before it gets a token.",
)
ACCOUNT_IS_SUSPENDED = _entry(
    "account_suspended", Kind.CONFLICT, "Account {name!r} is suspended: resume it first."
)
TIER_WITHOUT_TOKEN = _entry(
    "tier_without_token",
    Kind.CONFLICT,
    "Account {name!r} is a member; only dealers and distributors get an API token.",
)
SERVICE_UNKNOWN = _entry("service_unknown", Kind.NOT_FOUND, "There is no service {service}.")
SERVICE_EXISTS = _entry("service_exists", Kind.CONFLICT, "There is a service {service} already.")
PATTERN_REFUSED = _entry("pattern_refused", Kind.INVALID, "The pattern is not usable: {reason}.")
LINE_UNKNOWN = _entry("line_unknown", Kind.NOT_FOUND, "There is no such line.")
NETWORK_UNKNOWN = _entry("network_unknown", Kind.NOT_FOUND, "There is no network {name!r}.")
NETWORK_EXISTS = _entry("network_exists", Kind.CONFLICT, "There is a network {name!r} already.")
GATEWAY_UNKNOWN = _entry("gateway_unknown", Kind.NOT_FOUND, "There is no gateway {name!r}.")
GATEWAY_EXISTS = _entry("gateway_exists", Kind.CONFLICT, "There is a gateway {name!r} already.")
CREDIT_REUSED = _entry(
    "credit_reused",
    Kind.CONFLICT,
    "This reference was used before, with another amount or account.",
)
RENTAL_CLOSED = _entry("rental_closed", Kind.CONFLICT, "This rental is closed already.")


def invalid(name: str, reason: str) -> Refused:
    """A refusal of one input: its name, and a clause that says what was expected."""
    return Refused(INVALID, name=name, reason=reason)


CATALOGUE: tuple[Refusal, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Refusal)
)
