import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.principal import AccountState, Tier
from simlet.domain.signing import hash_secret
from simlet.flows import browse
from simlet.flows.manage_accounts import (
    MAX_WAITING_LIMIT,
    add_account,
    approve_account,
    issue_token,
    resume_account,
    revoke_tokens,
    set_callback,
    suspend_account,
)
from simlet.store import endpoints
from simlet.store.endpoints import CallbackTarget
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

NOW_MS = 1_700_000_000_000
HASH = hash_secret("a token for tests")


async def add(
    world: World,
    name: str = "an",
    tier: Tier = Tier.DEALER,
    waiting_limit: int = 5,
    callback: CallbackTarget | None = None,
) -> int:
    return await world.db.write(add_account, name, tier, waiting_limit, callback, NOW_MS)


async def state_of(world: World, name: str = "an") -> AccountState:
    (account,) = [one for one in await world.db.read(browse.list_accounts) if one.name == name]
    return account.state


async def may_enter(world: World, token_hash: bytes = HASH) -> bool:
    try:
        await world.db.read(browse.account_of_token, token_hash)
    except Refused as refused:
        if refused.refusal is not errors.UNAUTHENTICATED:
            raise
        return False
    return True


async def test_a_new_account_waits_for_its_approval(world: World) -> None:
    account_id = await add(world)

    (account,) = await world.db.read(browse.list_accounts)
    assert (account.id, account.name, account.tier) == (account_id, "an", Tier.DEALER)
    assert (account.state, account.waiting_limit) == (AccountState.PENDING, 5)
    assert (account.available_dong, account.held_dong, account.waiting_count) == (0, 0, 0)


@pytest.mark.parametrize("name", ["", "a b", "-a", "é", "a" * 65, "a\n", "a/b"])
async def test_an_account_needs_a_plain_name(world: World, name: str) -> None:
    with pytest.raises(Refused) as refused:
        await add(world, name)
    assert refused.value.details["name"] == "name"


@pytest.mark.parametrize("name", ["a", "Dealer_7", "an.nguyen@shop-1.vn", "a" * 64])
async def test_an_account_may_have_such_a_name(world: World, name: str) -> None:
    assert await add(world, name) > 0


@pytest.mark.parametrize("limit", [0, -1, MAX_WAITING_LIMIT + 1])
async def test_a_waiting_limit_out_of_range_is_refused(world: World, limit: int) -> None:
    with pytest.raises(Refused) as refused:
        await add(world, waiting_limit=limit)
    assert refused.value.details["name"] == "waiting_limit"


async def test_a_name_is_given_once(world: World) -> None:
    await add(world)
    with pytest.raises(Refused) as refused:
        await add(world)
    assert refused.value.refusal is errors.ACCOUNT_EXISTS


async def test_an_approval_bears_the_name_of_a_person(world: World) -> None:
    await add(world)

    await world.db.write(approve_account, "an", "Bình Trần", NOW_MS + 5)

    assert await state_of(world) is AccountState.APPROVED
    (row,) = await world.rows("SELECT approved_by, approved_at_ms FROM accounts")
    assert tuple(row) == ("Bình Trần", NOW_MS + 5)


@pytest.mark.parametrize("person", ["", "   ", "x" * 129])
async def test_nobody_approves_nobody(world: World, person: str) -> None:
    await add(world)
    with pytest.raises(Refused) as refused:
        await world.db.write(approve_account, "an", person, NOW_MS)
    assert refused.value.details["name"] == "by"
    assert await state_of(world) is AccountState.PENDING


async def test_before_the_approval_there_is_no_token(world: World) -> None:
    await add(world)
    with pytest.raises(Refused) as refused:
        await world.db.write(issue_token, "an", HASH, NOW_MS)
    assert refused.value.refusal is errors.ACCOUNT_NOT_APPROVED
    assert not await may_enter(world)


async def test_a_member_gets_no_token(world: World) -> None:
    await add(world, tier=Tier.MEMBER)
    await world.db.write(approve_account, "an", "Bình Trần", NOW_MS)
    with pytest.raises(Refused) as refused:
        await world.db.write(issue_token, "an", HASH, NOW_MS)
    assert refused.value.refusal is errors.TIER_WITHOUT_TOKEN


@pytest.mark.parametrize("tier", [Tier.DEALER, Tier.DISTRIBUTOR], ids=lambda tier: tier.value)
async def test_an_approved_dealer_or_distributor_enters_by_its_token(
    world: World, tier: Tier
) -> None:
    await add(world, tier=tier)
    await world.db.write(approve_account, "an", "Bình Trần", NOW_MS)
    await world.db.write(issue_token, "an", HASH, NOW_MS)

    assert await may_enter(world)
    assert not await may_enter(world, hash_secret("another token"))


async def test_every_token_of_an_account_lets_it_in(world: World) -> None:
    await add(world)
    await world.db.write(approve_account, "an", "Bình Trần", NOW_MS)
    hashes = [hash_secret(text) for text in ("first", "second")]
    for one in hashes:
        await world.db.write(issue_token, "an", one, NOW_MS)

    assert [await may_enter(world, one) for one in hashes] == [True, True]
    assert await world.db.write(revoke_tokens, "an", NOW_MS) == 2
    assert [await may_enter(world, one) for one in hashes] == [False, False]


async def test_a_token_issued_after_a_revocation_lets_in(world: World) -> None:
    await add(world)
    await world.db.write(approve_account, "an", "Bình Trần", NOW_MS)
    await world.db.write(issue_token, "an", HASH, NOW_MS)
    await world.db.write(revoke_tokens, "an", NOW_MS)
    new = hash_secret("a new token")
    await world.db.write(issue_token, "an", new, NOW_MS)

    assert (await may_enter(world, HASH), await may_enter(world, new)) == (False, True)
    assert await world.db.write(revoke_tokens, "an", NOW_MS) == 1


async def test_a_suspended_account_does_not_enter_until_it_is_resumed(world: World) -> None:
    await add(world)
    await world.db.write(approve_account, "an", "Bình Trần", NOW_MS)
    await world.db.write(issue_token, "an", HASH, NOW_MS)

    await world.db.write(suspend_account, "an", NOW_MS)
    assert not await may_enter(world)
    with pytest.raises(Refused):
        await world.db.write(issue_token, "an", hash_secret("another"), NOW_MS)
    await world.db.write(resume_account, "an", NOW_MS)
    assert await may_enter(world)


async def test_a_suspension_does_not_make_up_for_a_missing_approval(world: World) -> None:
    await add(world)
    await world.db.write(suspend_account, "an", NOW_MS)
    await world.db.write(resume_account, "an", NOW_MS)

    assert await state_of(world) is AccountState.PENDING


async def test_only_a_suspended_account_is_resumed(world: World) -> None:
    await add(world)
    with pytest.raises(Refused) as refused:
        await world.db.write(resume_account, "an", NOW_MS)
    assert refused.value.refusal is errors.ACCOUNT_NOT_APPROVED
    assert await state_of(world) is AccountState.PENDING


async def test_a_suspended_accounts_rental_runs_to_its_end(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer("an", balance_dong=1000)
    rental = (await world.rent(dealer, 4)).rental
    await world.db.write(suspend_account, "an", NOW_MS)

    receipt = await world.sms("0967000001", "Your code is 123456")

    assert receipt.rental_id == rental.id
    assert await world.book_findings() == []


async def test_the_callback_is_set_changed_and_ended(world: World) -> None:
    account_id = await add(world, callback=CallbackTarget("https://dealer.test/a", "whsec_1"))

    async def target() -> CallbackTarget | None:
        found = await world.db.read(endpoints.first_api_endpoint, account_id)
        return None if found is None else CallbackTarget(found.url, found.secret)

    assert await target() == CallbackTarget("https://dealer.test/a", "whsec_1")
    changed = CallbackTarget("https://dealer.test/b", "whsec_2")
    await world.db.write(set_callback, "an", changed, NOW_MS)
    assert await target() == changed
    await world.db.write(set_callback, "an", None, NOW_MS)
    assert await target() is None


async def test_an_account_that_is_not_there_is_refused_everywhere(world: World) -> None:
    for call in (
        world.db.write(approve_account, "nobody", "Bình Trần", NOW_MS),
        world.db.write(suspend_account, "nobody", NOW_MS),
        world.db.write(resume_account, "nobody", NOW_MS),
        world.db.write(issue_token, "nobody", HASH, NOW_MS),
        world.db.write(revoke_tokens, "nobody", NOW_MS),
        world.db.write(set_callback, "nobody", None, NOW_MS),
    ):
        with pytest.raises(Refused) as refused:
            await call
        assert refused.value.refusal is errors.ACCOUNT_UNKNOWN


async def test_every_change_of_an_account_is_one_event_without_a_secret(world: World) -> None:
    callback = CallbackTarget("https://dealer.test/a", "whsec_not_for_the_log")
    account_id = await add(world, callback=callback)
    await world.db.write(approve_account, "an", "Bình Trần", NOW_MS)
    await world.db.write(issue_token, "an", HASH, NOW_MS)
    await world.db.write(set_callback, "an", callback, NOW_MS)
    await world.db.write(set_callback, "an", None, NOW_MS)
    await world.db.write(revoke_tokens, "an", NOW_MS)
    await world.db.write(suspend_account, "an", NOW_MS)
    await world.db.write(resume_account, "an", NOW_MS)

    told = await world.events()

    assert {one.account_id for one in told} == {account_id}
    assert [(one.kind, one.data) for one in told] == [
        (EventKind.ACCOUNT_ADDED, {"tier": "dealer"}),
        (EventKind.ACCOUNT_APPROVED, {"by": "Bình Trần"}),
        (EventKind.TOKEN_ISSUED, {}),
        (EventKind.ACCOUNT_CALLBACK_SET, {"on": True}),
        (EventKind.ACCOUNT_CALLBACK_SET, {"on": False}),
        (EventKind.TOKEN_REVOKED, {"count": 1}),
        (EventKind.ACCOUNT_SUSPENDED, {}),
        (EventKind.ACCOUNT_RESUMED, {}),
    ]
