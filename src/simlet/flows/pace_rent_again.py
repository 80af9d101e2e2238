"""Pace renting again: an account may ask once in so many seconds, whichever process it asks."""

import math

from simlet.domain.errors import TOO_SOON, Refused
from simlet.flows.hold import Order, rented_before
from simlet.store import accounts
from simlet.store.sql import Tx

INTERVAL_MS = 5000


def pace_rent_again(tx: Tx, account_id: int, order: Order | None, now_ms: int) -> None:
    """Counts a call; a flow of its own, as the call counts even if the renting is refused.

    An order that was placed before asks for nothing new: it passes at any time, uncounted.

    Raises:
        Refused: TOO_SOON, with the whole seconds to wait; ORDER_REUSED. Such calls do not count.
    """
    if rented_before(tx, account_id, order) is not None:
        return
    last_ms = accounts.rented_again_at_ms(tx, account_id)
    # A time that lies ahead was told by a clock that has been set back since.
    if last_ms is not None and 0 <= now_ms - last_ms < INTERVAL_MS:
        raise Refused(TOO_SOON, wait_s=math.ceil((INTERVAL_MS - (now_ms - last_ms)) / 1000))
    accounts.note_rent_again(tx, account_id, now_ms)
