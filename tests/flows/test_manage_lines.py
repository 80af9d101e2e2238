from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.inbound import Inbound, MessageKind
from simlet.flows import browse
from simlet.flows.manage_lines import (
    COLUMNS,
    BadRow,
    Imported,
    add_network,
    import_lines,
    network_ids,
    parse_line,
    retire_line,
)
from simlet.store.lines import NewLine
from simlet.testing.world import World

anyio = pytest.mark.anyio

NOW_MS = 1_700_000_000_000
NETWORKS = {"MOBIFONE": 1, "VIETTEL": 3}
FIELDS = {
    "iccid": "8984012345678901234",
    "number": "0967000001",
    "network": "VIETTEL",
    "store": "02",
    "holder": "Công ty Nam",
    "contract": "HD-17",
}


def line(number: str, iccid: int = 0, *, store: str = "01", network_id: int = 3) -> NewLine:
    iccid_text = f"8984{iccid or int(number[3:]):015d}"
    return NewLine(iccid_text, number, network_id, store, "a holder", "a contract")


async def import_all(world: World, *lines: NewLine, gateway: str | None = None) -> Imported:
    return await world.db.write(import_lines, list(enumerate(lines, 2)), gateway, NOW_MS)


# ---------------------------------------------------------------------------------- reading a row


def test_a_row_is_read_with_its_spellings_made_one() -> None:
    fields = FIELDS | {
        "number": " +84 967.000-001 ",
        "network": " viettel ",
        "store": " 02 ",
        "holder": "  Công ty Nam ",
    }
    assert parse_line(fields, NETWORKS) == NewLine(
        "8984012345678901234", "+84967000001", 3, "02", "Công ty Nam", "HD-17"
    )


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("iccid", ""),
        ("iccid", "8" * 17),
        ("iccid", "8" * 23),
        ("iccid", "8984012345678901x34"),
        ("iccid", "８９８４０１２３４５６７８９０１２３４"),
        ("number", "0123456789"),
        ("number", ""),
        ("network", "V!"),
        ("network", ""),
        ("store", "2"),
        ("store", "xx"),
        ("holder", ""),
        ("holder", "   "),
        ("holder", "x" * 201),
        ("holder", "a\x00b"),
        ("contract", ""),
        ("contract", "\t"),
        ("contract", "a\nb"),
    ],
)
def test_a_row_with_a_wrong_field_is_refused_by_its_name(column: str, text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_line(FIELDS | {column: text}, NETWORKS)
    assert refused.value.refusal is errors.INVALID
    assert refused.value.details["name"] == column


def test_a_network_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        parse_line(FIELDS | {"network": "NOWHERE"}, NETWORKS)
    assert refused.value.refusal is errors.NETWORK_UNKNOWN


@given(fields=st.fixed_dictionaries({column: st.text(max_size=30) for column in COLUMNS}))
def test_any_row_is_either_a_line_with_a_title_or_a_refusal(fields: dict[str, str]) -> None:
    try:
        parsed = parse_line(fields, NETWORKS)
    except Refused:
        return
    assert parsed.holder
    assert parsed.contract
    assert parsed.number.startswith("+84")


# ------------------------------------------------------------------------------------ bringing in


@anyio
async def test_a_line_is_kept_with_its_title(world: World) -> None:
    await world.gateway("rack-1")
    await import_all(world, parse_line(FIELDS, NETWORKS), gateway="rack-1")

    (row,) = await world.db.read(browse.list_lines, 0, 10)
    assert (row.iccid, row.number, row.network) == (FIELDS["iccid"], "+84967000001", "VIETTEL")
    assert (row.store, row.state, row.gateway) == ("02", "active", "rack-1")
    assert (row.holder, row.contract) == ("Công ty Nam", "HD-17")


@anyio
async def test_an_import_is_told_by_one_event_without_numbers(world: World) -> None:
    await import_all(world, line("+84967000001"), line("+84852000002"))

    (event,) = await world.events()
    assert (event.kind, event.data) == (EventKind.LINES_IMPORTED, {"count": 2})


@anyio
async def test_a_row_that_is_there_already_is_named_and_the_others_are_kept(world: World) -> None:
    await import_all(world, line("+84967000001", 1))

    imported = await import_all(
        world,
        line("+84967000002", 1),
        line("+84967000003", 3),
        line("+84967000001", 4),
    )

    assert imported == Imported(
        1,
        (
            BadRow(2, "iccid: another line has it already"),
            BadRow(4, "number: another line has it already"),
        ),
    )
    assert len(await world.db.read(browse.list_lines, 0, 10)) == 2


@anyio
async def test_an_import_without_a_good_row_changes_nothing(world: World) -> None:
    await import_all(world, line("+84967000001"))
    before = await world.events()

    assert await import_all(world, line("+84967000001")) == Imported(0, (), already_there=1)
    assert await world.events() == before


@anyio
async def test_an_unknown_gateway_is_refused(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await import_all(world, line("+84967000001"), gateway="nowhere")
    assert refused.value.refusal is errors.GATEWAY_UNKNOWN


@anyio
async def test_new_lines_are_in_stock_of_every_service_of_their_store(world: World) -> None:
    await world.service(4, "01")
    await world.service(5, "01", name="Zalo")
    await world.service(6, "02")
    await import_all(world, line("+84967000001"), line("+84852000002", store="02"))
    dealer = await world.dealer()

    numbers = {one: (await world.rent(dealer, one)).rental.number for one in (4, 5, 6)}

    assert numbers == {4: "+84967000001", 5: "+84967000001", 6: "+84852000002"}


@anyio
async def test_lines_fill_the_room_that_is_left_before_they_take_more(world: World) -> None:
    await world.service(4)
    await import_all(world, *(line(f"+8496700{one:04}") for one in range(250)))
    await import_all(world, *(line(f"+8496700{one:04}") for one in range(250, 520)))
    await import_all(world, line("+84967009999"))

    blocks = await world.rows("SELECT size FROM blocks ORDER BY id")
    stock = await world.rows("SELECT left_count FROM stock ORDER BY block_id")
    assert [row[0] for row in blocks] == [256, 256, 9]
    assert [row[0] for row in stock] == [256, 256, 9]
    ids = [row.id for row in await world.db.read(browse.list_lines, 0, 1000)]
    assert len(set(ids)) == 521


@anyio
async def test_lines_added_beside_a_rented_one_do_not_free_it(world: World) -> None:
    await world.service(4)
    await import_all(world, line("+84967000001"))
    dealer = await world.dealer()
    await world.rent(dealer, 4)

    await import_all(world, line("+84967000002"))

    assert (await world.rent(dealer, 4)).rental.number == "+84967000002"
    with pytest.raises(Refused):
        await world.rent(dealer, 4)


@anyio
async def test_lines_are_listed_page_by_page(world: World) -> None:
    await import_all(world, *(line(f"+8496700{one:04}") for one in range(5)))

    first = await world.db.read(browse.list_lines, 0, 3)
    rest = await world.db.read(browse.list_lines, first[-1].id, 3)

    assert [row.number for row in first + rest] == [f"+8496700{one:04}" for one in range(5)]


# --------------------------------------------------------------------------------------- retiring


@anyio
async def test_a_retired_line_is_gone_from_every_stock(world: World) -> None:
    await world.service(4)
    await world.service(5, name="Zalo")
    await import_all(world, line("+84967000001"), line("+84967000002"))

    await world.db.write(retire_line, "0967000001", NOW_MS)

    states = {row.number: row.state for row in await world.db.read(browse.list_lines, 0, 10)}
    assert states == {"+84967000001": "retired", "+84967000002": "active"}
    assert {row[0] for row in await world.rows("SELECT left_count FROM stock")} == {1}


@anyio
async def test_a_retirement_is_told_by_one_event_without_the_number(world: World) -> None:
    await import_all(world, line("+84967000001"))
    (row,) = await world.db.read(browse.list_lines, 0, 10)
    before = await world.events()

    await world.db.write(retire_line, "0967000001", NOW_MS)

    (event,) = (await world.events())[len(before) :]
    assert (event.kind, event.data) == (EventKind.LINE_RETIRED, {"line_id": row.id})


@anyio
async def test_a_line_is_retired_once(world: World) -> None:
    await import_all(world, line("+84967000001"))
    await world.db.write(retire_line, "0967000001", NOW_MS)

    with pytest.raises(Refused) as refused:
        await world.db.write(retire_line, "0967000001", NOW_MS)

    assert refused.value.refusal is errors.LINE_UNKNOWN


@anyio
async def test_a_retired_number_may_come_back_with_another_sim(world: World) -> None:
    await world.service(4)
    await import_all(world, line("+84967000001", 1))
    await world.db.write(retire_line, "0967000001", NOW_MS)

    assert (await import_all(world, line("+84967000001", 2))).added == 1
    assert (await import_all(world, line("+84967000001", 3))).added == 0
    dealer = await world.dealer()
    assert (await world.rent(dealer, 4)).rental.number == "+84967000001"


@anyio
async def test_what_comes_to_a_sim_after_its_line_was_retired_is_for_the_line_it_has_now(
    world: World,
) -> None:
    await world.service(4)
    await import_all(world, line("+84967000001", 1))
    await world.db.write(retire_line, "0967000001", NOW_MS)
    assert (await import_all(world, line("+84967000009", 1))).added == 1
    rented = await world.rent(await world.dealer(), 4)
    iccid = line("+84967000009", 1).iccid
    inbound = Inbound(MessageKind.SMS, "", "Yahoo", "Yahoo: 482913", None, iccid=iccid)

    receipt = await world.receive(inbound, None)

    assert (rented.rental.number, receipt.rental_id) == ("+84967000009", rented.rental.id)


@anyio
async def test_a_service_added_after_a_retirement_does_not_get_the_line(world: World) -> None:
    await import_all(world, line("+84967000001"), line("+84967000002"))
    await world.db.write(retire_line, "0967000001", NOW_MS)
    await world.service(4)
    dealer = await world.dealer()

    assert (await world.rent(dealer, 4)).rental.number == "+84967000002"
    with pytest.raises(Refused):
        await world.rent(dealer, 4)


@anyio
async def test_lines_added_after_a_retirement_do_not_bring_it_back(world: World) -> None:
    await world.service(4)
    await import_all(world, line("+84967000001"))
    await world.db.write(retire_line, "0967000001", NOW_MS)
    await import_all(world, line("+84967000002"))
    dealer = await world.dealer()

    assert (await world.rent(dealer, 4)).rental.number == "+84967000002"
    with pytest.raises(Refused):
        await world.rent(dealer, 4)


# --------------------------------------------------------------------------------------- networks


@anyio
async def test_the_first_five_networks_are_there_from_the_start(world: World) -> None:
    assert await world.db.read(browse.list_networks) == [
        (1, "MOBIFONE"),
        (2, "VINAPHONE"),
        (3, "VIETTEL"),
        (4, "VIETNAMOBILE"),
        (5, "ITELECOM"),
    ]


@anyio
async def test_a_further_network_takes_the_next_id(world: World) -> None:
    assert await world.db.write(add_network, " wintel ") == 6
    assert (await world.db.read(network_ids))["WINTEL"] == 6


@anyio
@pytest.mark.parametrize(
    ("name", "refusal"),
    [("viettel", errors.NETWORK_EXISTS), ("", errors.INVALID), ("a|b", errors.INVALID)],
)
async def test_a_network_needs_a_new_plain_name(world: World, name: str, refusal: Any) -> None:
    with pytest.raises(Refused) as refused:
        await world.db.write(add_network, name)
    assert refused.value.refusal is refusal
