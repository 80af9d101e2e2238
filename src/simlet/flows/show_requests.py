"""Show requests: places in the queue for a line, to the account that asked."""

from collections.abc import Set as AbstractSet

from simlet.domain.errors import REQUEST_UNKNOWN, Refused
from simlet.domain.request import LineRequest, RequestState
from simlet.store import requests
from simlet.store.sql import Tx


def show_request(tx: Tx, account_id: int, request_id: int) -> LineRequest:
    """A request of an account.

    Raises:
        Refused: REQUEST_UNKNOWN when it is another account's, or there is none.
    """
    found = requests.request_of_account(tx, account_id, request_id)
    if found is None:
        raise Refused(REQUEST_UNKNOWN)
    return found


def list_requests(tx: Tx, account_id: int, before_id: int, limit: int) -> list[LineRequest]:
    """Requests of an account, newest first, from before one."""
    return requests.requests_of(tx, account_id, before_id, limit)


def count_queued(tx: Tx, account_id: int) -> int:
    """How many requests of an account are queued."""
    return requests.count_queued_of(tx, account_id)


def requests_ahead(tx: Tx, request: LineRequest) -> int:
    """How many older requests ask the same and are queued still; 0 once it has ended itself."""
    return requests.count_ahead(tx, request) if request.state is RequestState.QUEUED else 0


def ended_in_vain(tx: Tx, request_id: int, passing: AbstractSet[str]) -> bool:
    """Whether a request ended without a line, for a reason that may be gone the next time.

    Args:
        tx: the transaction.
        request_id: which one.
        passing: the codes of refusals that pass.
    """
    found = requests.request_by_id(tx, request_id)
    if found is None:
        return False
    if found.state is RequestState.REFUSED:
        return found.refusal in passing
    return found.state in {RequestState.EXPIRED, RequestState.CANCELLED}
