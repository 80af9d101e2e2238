"""What can go wrong, as exceptions: all of them are `SimletError`s."""

from msgspec import DecodeError, Struct, field, json

from simlet.client.answers import Rental

PROBLEM_TYPE = "application/problem+json"
UNREADABLE = "unreadable_answer"
INVALID = "invalid"
OUT_OF_STOCK = "out_of_stock"
SERVICE_UNAVAILABLE = "service_unavailable"
RATE_LIMITED = "rate_limited"


class SimletError(Exception):
    """Anything that this client raises by itself."""


class NotConfigured(SimletError):
    """No address or no token was given, nor stands in `SIMLET_URL` and `SIMLET_TOKEN`."""


class Unreachable(SimletError):
    """The server could not be reached, or did not answer in time, after all the tries."""


class BadSignature(SimletError):
    """A callback that the server has not signed, or not lately."""


class NoCode(SimletError):
    """The rental ended without a code; the price is back. See `rental.state`."""

    def __init__(self, rental: Rental) -> None:
        super().__init__(_no_code(rental))
        self.rental = rental


class StillWaiting(SimletError, TimeoutError):
    """The time-out passed before a code came; the rental waits on."""

    def __init__(self, rental: Rental) -> None:
        super().__init__(f"No code yet; rental {rental.id} waits until {rental.deadline_at:%X} UTC")
        self.rental = rental


class Fault(Struct, frozen=True):
    """One input that was refused: its name, and what was expected of it."""

    name: str
    reason: str


class _Document(Struct, frozen=True):
    """Problem details as in RFC 9457, with the members that simlet adds."""

    code: str
    title: str = ""
    detail: str = ""
    remedy: str = ""
    errors: list[Fault] = field(default_factory=list)
    retry_after_s: float | None = None


class Problem(SimletError):
    """The server's refusal, or its fault.

    Attributes:
        code: stable, for programs.
        title: the general sentence of this code.
        detail: the sentence for this case.
        remedy: what can be done about it.
        status: the HTTP status.
        errors: which inputs were refused, where `code` is `invalid`.
        retry_after_s: how soon it makes sense to try again, where that is known.
        request_id: what the operator finds this call by in the log.
    """

    def __init__(
        self,
        code: str,
        *,
        title: str = "",
        detail: str = "",
        remedy: str = "",
        status: int = 0,
        errors: tuple[Fault, ...] = (),
        retry_after_s: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(" ".join(part for part in (detail or title or code, remedy) if part))
        self.code = code
        self.title = title
        self.detail = detail or title
        self.remedy = remedy
        self.status = status
        self.errors = errors
        self.retry_after_s = retry_after_s
        self.request_id = request_id


class Unauthenticated(Problem):
    """The token is missing, wrong or revoked."""


class InsufficientFunds(Problem):
    """The balance is below the price."""


class NotFound(Problem):
    """There is no such thing, or it is another account's."""


class Conflict(Problem):
    """What is there now does not allow it: too early to cancel, a key used before."""


class OutOfStock(Conflict):
    """No line that fits is free, or none became free in time."""


class Invalid(Problem):
    """An input is not usable; see `errors`."""


class RateLimited(Problem):
    """Too many calls, or too many rentals at a time; see `retry_after_s`."""


_BY_CODE: dict[str, type[Problem]] = {
    OUT_OF_STOCK: OutOfStock,
    "insufficient_funds": InsufficientFunds,
    SERVICE_UNAVAILABLE: NotFound,
    "price_above_max": Conflict,
    "waiting_limit": RateLimited,
}
_BY_STATUS: dict[int, type[Problem]] = {
    401: Unauthenticated,
    402: InsufficientFunds,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: RateLimited,
}


def problem_of(
    status: int, body: bytes, *, retry_after_s: float | None, request_id: str | None
) -> Problem:
    """The exception for an answer that is not a success; never fails, whatever the body is."""
    try:
        told = json.decode(body, type=_Document)
    except (DecodeError, UnicodeDecodeError):
        told = _Document(UNREADABLE, f"The answer, with status {status}, is not simlet's.")
    kind = _BY_CODE.get(told.code) or _BY_STATUS.get(status, Problem)
    return kind(
        told.code,
        title=told.title,
        detail=told.detail,
        remedy=told.remedy,
        status=status,
        errors=tuple(told.errors),
        retry_after_s=told.retry_after_s if retry_after_s is None else retry_after_s,
        request_id=request_id,
    )


def problem_with(code: str, detail: str) -> Problem:
    """The exception for a refusal that is told inside another answer by its code alone."""
    return _BY_CODE.get(code, Problem)(code, detail=detail)


def _no_code(rental: Rental) -> str:
    if rental.recording_url is not None:
        return f"Rental {rental.id} was answered by a call, without a code: hear its recording."
    return f"Rental {rental.id} ended without a code: it is {rental.state}."
