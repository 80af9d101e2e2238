"""Show rentals: whole, with their messages and their postings, to the account that rented."""

from simlet.domain.errors import RENTAL_UNKNOWN, Refused
from simlet.domain.rental import RentalState
from simlet.store import details
from simlet.store.details import MessageDetail, PostingDetail, RentalDetail, RentalFilter
from simlet.store.slices import Slice, newest_slice, rentals_of
from simlet.store.sql import Tx
from simlet.store.stretches import Stretch


def show_rental(tx: Tx, account_id: int, rental_id: int) -> RentalDetail:
    """A rental of an account.

    Raises:
        Refused: RENTAL_UNKNOWN when it is another account's, or there is none.
    """
    found = details.rental_detail(tx, account_id, rental_id)
    if found is None:
        raise Refused(RENTAL_UNKNOWN)
    return found


def list_rentals(
    tx: Tx, within: Stretch | None, account_id: int, wanted: RentalFilter
) -> Slice[RentalDetail]:
    """Rentals of an account, newest first: a slice of them, the first one without `within`."""
    only_waiting = wanted.state is RentalState.WAITING
    if within is None:
        within = rentals_of(
            tx, account_id, wanted.from_ms, wanted.to_ms, only_waiting=only_waiting
        ).before(wanted.before_id)
    rest = None
    if not only_waiting and (wanted.state is not None or wanted.service_id is not None):
        within, rest = newest_slice(tx, account_id, within)
    return Slice(details.rental_details(tx, account_id, within, wanted), rest)


def rental_messages(tx: Tx, account_id: int, rental_id: int) -> list[MessageDetail]:
    """The messages of a rental, in the order they were kept.

    Raises:
        Refused: RENTAL_UNKNOWN.
    """
    show_rental(tx, account_id, rental_id)
    return details.messages_of(tx, rental_id)


def rental_postings(tx: Tx, account_id: int, rental_id: int) -> list[PostingDetail]:
    """The postings of a rental: its hold, then its settle or its release.

    Raises:
        Refused: RENTAL_UNKNOWN.
    """
    show_rental(tx, account_id, rental_id)
    return details.postings_of(tx, rental_id)
