"""The client of simlet's `/v1`: rent a number, wait for its code.

    with Client("http://127.0.0.1:8080", token) as simlet:
        rental = simlet.rent("Yahoo")
        code = rental.wait_for_code(timeout_s=120)

This package needs nothing of the server, neither its code nor its dependencies.
"""

from simlet.client.answers import (
    Account,
    Attempt,
    Balance,
    Callback,
    Event,
    Figures,
    Message,
    Network,
    Page,
    Posting,
    RateLimit,
    Rental,
    Replay,
    Request,
    Service,
    TimelineEntry,
)
from simlet.client.async_client import AsyncClient, AsyncLiveRental
from simlet.client.client import Client, LiveRental
from simlet.client.conduct import Retries
from simlet.client.problems import (
    BadSignature,
    Conflict,
    Fault,
    InsufficientFunds,
    Invalid,
    NoCode,
    NotConfigured,
    NotFound,
    OutOfStock,
    Problem,
    RateLimited,
    SimletError,
    StillWaiting,
    Unauthenticated,
    Unreachable,
)
from simlet.client.verify import verify_callback, verify_signature

__all__ = [
    "Account",
    "AsyncClient",
    "AsyncLiveRental",
    "Attempt",
    "BadSignature",
    "Balance",
    "Callback",
    "Client",
    "Conflict",
    "Event",
    "Fault",
    "Figures",
    "InsufficientFunds",
    "Invalid",
    "LiveRental",
    "Message",
    "Network",
    "NoCode",
    "NotConfigured",
    "NotFound",
    "OutOfStock",
    "Page",
    "Posting",
    "Problem",
    "RateLimit",
    "RateLimited",
    "Rental",
    "Replay",
    "Request",
    "Retries",
    "Service",
    "SimletError",
    "StillWaiting",
    "TimelineEntry",
    "Unauthenticated",
    "Unreachable",
    "verify_callback",
    "verify_signature",
]
