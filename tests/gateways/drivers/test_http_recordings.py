import pytest

from gateways.drivers.http_gate import NUMBER, Gate, call_form, wav
from simlet.domain.signing import sign_reference
from simlet.flows.forget_old import forget_old
from simlet.testing.clock import START_MS

pytestmark = pytest.mark.anyio


async def _recorded(gate: Gate) -> tuple[int, str]:
    """A rental with a recorded call: its id and the recording's address."""
    rented = await gate.world.rent(gate.dealer, 4)
    await gate.calls(call_form(wav(), **{"from": "Yahoo"}))
    return rented.rental.id, await gate.recording_path(rented.rental.id)


async def test_the_address_of_a_recording_holds_nothing_in_clear(gate: Gate) -> None:
    rental_id, path = await _recorded(gate)
    assert path.startswith("/recordings/")
    assert NUMBER[1:] not in path
    assert str(rental_id) not in path
    assert gate.dealer.name not in path


async def test_the_address_of_a_recording_stays_the_same(gate: Gate) -> None:
    rental_id, path = await _recorded(gate)
    gate.world.clock.advance(3600)
    assert await gate.recording_path(rental_id) == path


async def test_a_forged_address_is_not_found(gate: Gate) -> None:
    _, path = await _recorded(gate)
    reference = path.removeprefix("/recordings/").removesuffix(".wav")
    swapped = "B" if reference[40] == "A" else "A"
    expires_s = START_MS // 1000 + 3600
    foreign = sign_reference(b"the key of somebody else's", "recording", 1, expires_s)
    for_another = sign_reference(gate.world.runtime.recording_key, "invoice", 1, expires_s)
    forged = [
        "",
        "1",
        "../1",
        "%00",
        reference[:-1],
        reference + "A",
        reference[:40] + swapped + reference[41:],
        foreign,
        for_another,
    ]
    for one in forged:
        assert (await gate.site.get(f"/recordings/{one}.wav")).status == 404, one


async def test_an_address_expires_with_the_texts(gate: Gate) -> None:
    _, path = await _recorded(gate)
    gate.world.clock.advance(24 * 3600 - 1)
    before = await gate.site.get(path)
    gate.world.clock.advance(1)
    after = await gate.site.get(path)
    assert (before.status, after.status) == (200, 404)


async def test_a_recording_that_was_erased_is_gone(gate: Gate) -> None:
    _, path = await _recorded(gate)
    gate.world.clock.advance(60)
    await gate.world.db.write(forget_old, gate.world.clock.now_ms(), 0, 10)
    assert (await gate.site.get(path)).status == 404
    assert await gate.world.rows("SELECT 1 FROM recordings") == []
