"""Count the stock: how many lines each service could give now."""

from simlet.store import stock
from simlet.store.sql import Tx


def count_stock(tx: Tx) -> dict[int, int]:
    """The lines that can receive now and that a service has not used up, by services' ids.

    A service that has none left is not among them. Lines that a rental keeps at the moment are
    counted: they are given again when its time is over. It reads one number for each service and
    block of 256 lines; who shows it often should keep it for some seconds.
    """
    return stock.left_by_service(tx)
