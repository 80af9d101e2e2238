"""Who a request comes from: the token, in the query or in the header."""

from functools import lru_cache

from simlet.domain.errors import UNAUTHENTICATED, Refused
from simlet.domain.signing import hash_secret, token_is_well_formed


def bearer(authorization: str) -> str:
    """The token of an `Authorization: Bearer` header; empty when it is no such thing.

    Source: RFC 6750, 2.1.
    """
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


@lru_cache(maxsize=16_384)
def token_hash(token: str) -> bytes:
    """The hash under which a token is kept; a mistyped one is refused without the database.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    if not token_is_well_formed(token):
        raise Refused(UNAUTHENTICATED)
    return hash_secret(token)
