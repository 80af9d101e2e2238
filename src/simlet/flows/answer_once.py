"""Answer once: a request that is repeated under its key gets the answer that it got first."""

from collections.abc import Callable
from dataclasses import dataclass

from simlet.domain.errors import IDEMPOTENCY_KEY_REUSED, Refused
from simlet.store import idempotency
from simlet.store.sql import Tx

KEPT_FOR_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer: its status and its body, to the byte; `replayed` when it was given before."""

    status: int
    body: bytes
    replayed: bool = False


Lapsed = Callable[[Tx, GivenAnswer], bool]
"""Whether an answer counts no more, as what it promised ended and nothing came of it. An answer
that has lapsed never counts again."""


def stays(_tx: Tx, _kept: GivenAnswer) -> bool:
    """Of most answers: they count as long as their key."""
    return False


def answer_once(
    tx: Tx,
    account_id: int,
    key: str,
    fingerprint: bytes,
    now_ms: int,
    run: Callable[[Tx], GivenAnswer],
    lapsed: Lapsed = stays,
) -> GivenAnswer:
    """Runs a request and keeps its answer, or gives the answer that its key has already.

    Both are of one transaction: where one is lost, so is the other. Of two requests with one key
    at the same moment the second waits for the first. What `run` refuses is not kept, as nothing
    is of a flow that refuses: see `keep_refusal`.

    Args:
        tx: the transaction.
        account_id: whose key it is; another account's keys are other keys.
        key: as the dealer sent it; it counts for 24 hours.
        fingerprint: a hash of all that was asked, 32 bytes.
        now_ms: the time.
        run: does what is asked, and says how that is answered.
        lapsed: where the answer that is kept counts no more, the request is run again.

    Raises:
        Refused: IDEMPOTENCY_KEY_REUSED, or what `run` refuses.
    """
    before = _given_before(tx, account_id, key, fingerprint, now_ms, lapsed)
    if before is not None:
        return before
    answer = run(tx)
    idempotency.keep_answer(tx, account_id, key, answer.status, answer.body)
    return answer


def keep_refusal(
    tx: Tx,
    account_id: int,
    key: str,
    fingerprint: bytes,
    kept: GivenAnswer,
    now_ms: int,
    lapsed: Lapsed = stays,
) -> GivenAnswer:
    """Keeps the answer to a request that was refused; gives it, or what was kept meanwhile.

    Raises:
        Refused: IDEMPOTENCY_KEY_REUSED, when another request was answered meanwhile.
    """
    before = _given_before(tx, account_id, key, fingerprint, now_ms, lapsed)
    if before is not None:
        return before
    idempotency.keep_answer(tx, account_id, key, kept.status, kept.body)
    return kept


def _given_before(
    tx: Tx, account_id: int, key: str, fingerprint: bytes, now_ms: int, lapsed: Lapsed
) -> GivenAnswer | None:
    """The answer under a key; None where there is none that counts, and the key is taken."""
    if idempotency.take_key(tx, account_id, key, fingerprint, now_ms, now_ms - KEPT_FOR_MS):
        return None
    found = idempotency.kept_answer(tx, account_id, key)
    if found.fingerprint != fingerprint:
        raise Refused(IDEMPOTENCY_KEY_REUSED)
    if lapsed(tx, GivenAnswer(found.status, found.body)):
        if idempotency.take_key_again(tx, account_id, key, found, now_ms):
            return None
        found = idempotency.kept_answer(tx, account_id, key)
    return GivenAnswer(found.status, found.body, replayed=True)
