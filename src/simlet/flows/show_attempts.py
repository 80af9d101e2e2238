"""Show the attempts to call an endpoint."""

from simlet.domain.errors import CALLBACK_UNKNOWN, Refused
from simlet.store import attempts, endpoints
from simlet.store.attempts import Attempt
from simlet.store.sql import Tx


def show_attempts(
    tx: Tx, account_id: int, endpoint_id: int, before_id: int, limit: int
) -> list[Attempt]:
    """Attempts at an endpoint of an account with smaller ids, newest first.

    Raises:
        Refused: CALLBACK_UNKNOWN.
    """
    if endpoints.endpoint_of_account(tx, account_id, endpoint_id) is None:
        raise Refused(CALLBACK_UNKNOWN)
    return attempts.attempts_of_endpoint(tx, endpoint_id, before_id, limit)
