"""Cancel a request: its dealer leaves the queue."""

from simlet.domain.errors import REQUEST_UNKNOWN, Refused
from simlet.domain.request import LineRequest, RequestState
from simlet.flows.end_request import end_request
from simlet.store import requests
from simlet.store.sql import Tx


def cancel_request(tx: Tx, account_id: int, request_id: int, now_ms: int) -> LineRequest:
    """Takes a request out of the queue; one that has ended is given as it is, with its rental.

    Raises:
        Refused: REQUEST_UNKNOWN.
    """
    request = requests.lock_request(tx, request_id)
    if request is None or request.account_id != account_id:
        raise Refused(REQUEST_UNKNOWN)
    if request.state is not RequestState.QUEUED:
        return request
    overdue = now_ms >= request.deadline_at_ms
    ended = request.expired(now_ms) if overdue else request.cancelled(now_ms)
    end_request(tx, ended, now_ms)
    return ended
