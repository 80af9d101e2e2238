"""Writes that are answered once for each Idempotency-Key.

What the flow did and the answer to it are kept in one transaction, so the answer is rendered inside
of it. Source: the draft of the IETF, "The Idempotency-Key HTTP Header Field".
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec

from simlet.domain.errors import CATALOGUE, IDEMPOTENCY_KEY_REUSED, Kind, Refused
from simlet.flows.answer_once import GivenAnswer, Lapsed, answer_once, keep_refusal, stays
from simlet.store.sql import Tx
from simlet.web.v1.operation import Answer, Call
from simlet.web.v1.problems import problem_headers, problem_of

REPLAYED = (b"idempotent-replayed", b"true")

# What is mended by who asks, or ends as time goes on: rentals that end give back their line, their
# place and their price. Nothing was done, so a repeated request cannot do anything twice.
_PASSING = frozenset({Kind.AUTHENTICATION, Kind.FUNDS, Kind.INVALID, Kind.LIMIT, Kind.STOCK})
PASSING_CODES = frozenset(one.code for one in CATALOGUE if one.kind in _PASSING)


async def write_once(
    call: Call[Any, Any], run: Callable[[Tx], GivenAnswer], lapsed: Lapsed = stays
) -> GivenAnswer:
    """Runs a flow and keeps its answer, or gives the answer that the call's key got before.

    Args:
        call: with its key, or without one: then the flow runs each time.
        run: does what is asked, and renders the answer.
        lapsed: whether an answer that is kept counts no more.

    Raises:
        Refused: what was refused where it is not kept.
        DatabaseFault: nothing was done, and nothing is kept.
    """
    db, key = call.runtime.db, call.key
    if key is None:
        return await db.write(run)
    mark = fingerprint(call)
    try:
        return await db.write(answer_once, call.account.id, key, mark, call.now_ms, run, lapsed)
    except Refused as refused:
        if refused.refusal is IDEMPOTENCY_KEY_REUSED or _passes(refused):
            raise
        status, body = problem_of(refused)
        return await db.write(
            keep_refusal, call.account.id, key, mark, GivenAnswer(status, body), call.now_ms, lapsed
        )


def _passes(refused: Refused) -> bool:
    """Whether it is not kept: the same request, under the same key, may be granted later."""
    return refused.refusal.kind in _PASSING or "wait_s" in refused.details


def fingerprint(call: Call[Any, Any]) -> bytes:
    """A hash of what is asked for: the same for the same wishes, however they are written."""
    asked = [
        call.scope["method"],
        call.scope["path"],
        msgspec.to_builtins(call.parameters),
        msgspec.to_builtins(call.body),
    ]
    return sha256(msgspec.json.encode(asked, order="deterministic")).digest()


def answer_of(kept: GivenAnswer, *headers: tuple[bytes, bytes]) -> Answer:
    """A kept answer as it is sent; `headers` go with a success."""
    replayed = (REPLAYED,) if kept.replayed else ()
    if kept.status >= 400:
        content_type, more = problem_headers(kept.body)
        return Answer(kept.status, kept.body, content_type, (*more, *replayed))
    return Answer(kept.status, kept.body, headers=(*headers, *replayed))
