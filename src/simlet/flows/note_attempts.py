"""Shared step: how attempts went; what follows for the callback, its chain and its endpoint."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from simlet.domain.backoff import next_attempt, retry_after_ms
from simlet.domain.endpoint import Endpoint, EndpointState, rest_ms
from simlet.domain.events import Event, EventKind
from simlet.store import attempts, callbacks, endpoints, events
from simlet.store.callbacks import Callback, CallbackStanding
from simlet.store.sql import Tx

FAILING_MS = 3 * 86_400_000
"""An endpoint that failed so long without one success is disabled."""
_GONE = 410
_HONOURED = {429, 503}


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """How an attempt went.

    Attributes:
        callback: as it was when the attempt was begun.
        at_ms: when it began; it ended `duration_ms` later.
        status: the HTTP status, or None with a word for what went wrong in `error`.
        retry_after: the header of that name, as it came.
        answer: the first characters of the body.
        failover: it went to the failover address.
    """

    callback: Callback
    at_ms: int
    duration_ms: int
    status: int | None
    error: str | None
    retry_after: str | None = None
    answer: str = ""
    failover: bool = False

    @property
    def delivered(self) -> bool:
        """Whether the other side took it: any 2xx."""
        return self.status is not None and 200 <= self.status <= 299

    @property
    def gone(self) -> bool:
        """Whether the address wants no callbacks any more; its failover has no say in that."""
        return self.status == _GONE and not self.failover

    def wait_ms(self, now_ms: int) -> int:
        """How long the other side asks to wait."""
        return retry_after_ms(self.retry_after, now_ms) if self.status in _HONOURED else 0


def note_attempts(tx: Tx, ended: Sequence[AttemptResult], now_ms: int) -> dict[int, str]:
    """Records attempts; by callback the outcome: `delivered`, `again`, `failed`.

    One that was given up meanwhile, and made again, has nothing to say any more: it is `late`.
    """
    by_endpoint: defaultdict[int, list[AttemptResult]] = defaultdict(list)
    for one in ended:
        by_endpoint[one.callback.endpoint_id].append(one)
    locked = endpoints.lock_endpoints(tx, by_endpoint) if by_endpoint else {}
    standings = callbacks.standings(tx, [one.callback.id for one in ended]) if ended else {}
    outcomes: dict[int, str] = {}
    for endpoint_id, endpoint in locked.items():
        health = endpoint
        for one in by_endpoint[endpoint_id]:
            standing = standings.get(one.callback.id)
            if standing is None or not _is_awaited(standing, one):
                outcomes[one.callback.id] = "late"
                continue
            health = _after(health, one, now_ms)
            outcomes[one.callback.id] = _note(tx, standing, one, now_ms)
        _note_health(tx, endpoint, health, now_ms)
        plan_look(tx, health)
    return outcomes


def _is_awaited(standing: CallbackStanding, ended: AttemptResult) -> bool:
    return standing.pending and standing.callback.attempts == ended.callback.attempts


def _note(tx: Tx, standing: CallbackStanding, ended: AttemptResult, now_ms: int) -> str:
    callback = standing.callback
    outcome, following = "delivered", None
    if not ended.delivered:
        following = None if ended.gone else _following(standing, ended, now_ms)
        outcome = "failed" if following is None else "again"
    if following is None:
        state = "done" if ended.delivered else "failed"
        callbacks.end_callback(tx, callback, state, now_ms, ended.status, ended.error)
    else:
        callbacks.try_later(tx, callback.id, *following, ended.status, ended.error)
    attempts.add_attempt(
        tx,
        callback.id,
        callback.endpoint_id,
        callback.attempts,
        at_ms=ended.at_ms,
        duration_ms=ended.duration_ms,
        status=ended.status,
        error=ended.error,
        answer=ended.answer,
        outcome=outcome,
        next_at_ms=following[1] if following else None,
    )
    return outcome


def _following(
    standing: CallbackStanding, ended: AttemptResult, now_ms: int
) -> tuple[int, int] | None:
    callback = standing.callback
    planned = next_attempt(
        urgent=callback.urgent,
        began_at_ms=callback.began_at_ms,
        step=callback.step,
        attempted_at_ms=ended.at_ms,
        lasts_until_ms=standing.deadline_at_ms,
    )
    if planned is None:
        return None
    step, at_ms = planned
    return step, max(at_ms, now_ms + ended.wait_ms(now_ms))


def _after(endpoint: Endpoint, ended: AttemptResult, now_ms: int) -> Endpoint:
    """How an endpoint does after an attempt."""
    if endpoint.state is not EndpointState.ACTIVE:
        return endpoint
    if ended.delivered:
        return replace(endpoint, failing_since_ms=None, fails_in_row=0, resting_until_ms=None)
    fails = endpoint.fails_in_row + 1
    pause_ms = max(rest_ms(fails), ended.wait_ms(now_ms))
    since_ms = ended.at_ms if endpoint.failing_since_ms is None else endpoint.failing_since_ms
    failing = replace(
        endpoint,
        fails_in_row=fails,
        failing_since_ms=since_ms,
        resting_until_ms=now_ms + pause_ms if pause_ms else endpoint.resting_until_ms,
    )
    if ended.gone:
        return replace(failing, state=EndpointState.DISABLED, disabled_reason="gone")
    if now_ms - since_ms >= FAILING_MS:
        return replace(failing, state=EndpointState.DISABLED, disabled_reason="failing")
    return failing


def _note_health(tx: Tx, before: Endpoint, after: Endpoint, now_ms: int) -> None:
    if after == before:
        return
    endpoints.note_health(tx, after)
    if after.state is before.state:
        return
    callbacks.drop_pending(tx, after.id, now_ms)
    events.add_event(
        tx,
        Event(
            EventKind.CALLBACK_DISABLED,
            now_ms,
            account_id=after.account_id,
            data={"callback_id": after.id, "reason": after.disabled_reason},
        ),
    )


def plan_look(tx: Tx, endpoint: Endpoint) -> None:
    """Records when an endpoint is to be looked at next: what rests waits, but for codes."""
    code_ms, other_ms = callbacks.soonest(tx, endpoint.id)
    if other_ms is not None and endpoint.resting_until_ms is not None:
        other_ms = max(other_ms, endpoint.resting_until_ms)
    times = [one for one in (code_ms, other_ms) if one is not None]
    endpoints.set_due(tx, endpoint.id, min(times) if times else None)
