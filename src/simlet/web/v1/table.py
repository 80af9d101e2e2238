"""All operations, in the order in which the documentation tells them."""

from simlet.web.v1 import callback_table, catalogue, money, rentals, renting, requests, stream
from simlet.web.v1.operation import AnyOperation

OPERATIONS: tuple[AnyOperation, ...] = (
    *renting.OPERATIONS,
    *rentals.OPERATIONS,
    *requests.OPERATIONS,
    *catalogue.OPERATIONS,
    *money.OPERATIONS,
    *stream.OPERATIONS,
    *callback_table.OPERATIONS,
)
