"""An account that rented for long: so much that nobody should read it all for one page."""

from simlet.store.postgres import PostgresDatabase
from simlet.testing.world import Dealer, World

COUNT = 20_000
STEP_MS = 60_000
DAY_MS = 86_400_000

_NUMBERS = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {COUNT}) "
_RENTALS = (
    "INSERT INTO rentals (account_id, service_id, store, line_id, number, price_dong, state, "
    "created_at_ms, deadline_at_ms, closed_at_ms, catch_all, again, listening) "
    "SELECT r.account_id, r.service_id, r.store, r.line_id, r.number, r.price_dong, "
    "'expired', {at}, {at} + 1000, {at} + 1000, FALSE, FALSE, FALSE FROM rentals r, n ORDER BY n.i"
)
_POSTINGS = (
    "INSERT INTO postings (reference, kind, source, target, amount_dong, account_id, at_ms) "
    "SELECT 'past:' || i, 'credit', 'a', 'b', 1, {account}, {at} FROM n ORDER BY i"
)
_EVENTS = (
    "INSERT INTO events (seq, kind, at_ms, account_id, data) "
    "SELECT {first} + i, 'rental.waiting', {at}, {account}, '{{}}' FROM n"
)


async def dealer_with_long_past(world: World) -> tuple[Dealer, int]:
    """A dealer with a rental, a posting and an event a minute, and when they began."""
    await world.service(4)
    await world.service(5)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer()
    rented = (await world.rent(dealer, 4)).rental
    await world.cancel(dealer, rented.id)
    await world.events()
    began_ms = world.clock.now_ms()
    at = f"CAST({began_ms} AS bigint) + i * {STEP_MS}"
    ((seq,),) = await world.rows("SELECT max(seq) FROM events")
    for statement in (_RENTALS, _POSTINGS, _EVENTS):
        wanted = statement.format(at=at, first=seq, account=dealer.id)
        head, _, rest = wanted.partition("SELECT")
        await world.tamper(f"{head}{_NUMBERS}SELECT{rest}")
    if isinstance(world.db.engine, PostgresDatabase):
        # As it does by itself when much was added.
        await world.tamper("ANALYZE")
    world.clock.advance((COUNT + 1) * STEP_MS // 1000)
    return dealer, began_ms
