"""The account: its balance, its statement, its limits."""

import csv
import io
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from simlet.flows.show_statement import StatementFilter, show_account, show_statement
from simlet.store.stretches import FIRST_MS, LAST_MS
from simlet.web.v1 import examples, objects, shapes
from simlet.web.v1.objects import Posting
from simlet.web.v1.operation import (
    USUAL_PAGE,
    Answer,
    AnswerDoc,
    AnyOperation,
    AtText,
    Call,
    Cursor,
    Limit,
    Nothing,
    Operation,
)
from simlet.web.v1.pages import (
    at_ms,
    cursor_before,
    id_before,
    page_answer,
)
from simlet.web.v1.shapes import posting_shape

TAG = "account"
CSV = "text/csv; charset=utf-8"
_COLUMNS = tuple(one.encode_name for one in msgspec.structs.fields(Posting))
_CSV_EXAMPLE = (
    "id,kind,amount_dong,source,target,rental_id,reference,reason,at\r\n"
    "90,hold,470,available,held,1000001,hold:1000001,,2026-11-23T12:00:00.123Z\r\n"
)
# What a spreadsheet takes for the beginning of a formula.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")


class Statement(
    Struct,
    forbid_unknown_fields=True,
    rename={"from_at": "from", "to_at": "to", "written_as": "format"},
):
    """Which postings, and how they are written."""

    from_at: Annotated[AtText | None, Meta(description="Of then or later.")] = None
    to_at: Annotated[AtText | None, Meta(description="Of before then.")] = None
    written_as: Annotated[
        Literal["json", "csv"], Meta(description="`csv`: a table with a head, for spreadsheets.")
    ] = "json"
    cursor: Cursor | None = None
    limit: Limit = USUAL_PAGE


async def balance(call: Call[Nothing, Nothing]) -> Answer:
    """What can be spent, and what is set aside."""
    account = call.account
    shape = objects.Balance(account.available_dong, account.held_dong)
    return Answer(200, shapes.encode(shape))


async def show(call: Call[Nothing, Nothing]) -> Answer:
    """The account."""
    found = await call.runtime.db.quick_read(show_account, call.account.id)
    account, limits = found.account, call.runtime.settings.v1
    shape = objects.Account(
        id=account.id,
        name=account.name,
        tier=account.tier.value,
        waiting=account.waiting_count,
        waiting_limit=account.waiting_limit,
        queued=found.queued,
        available_dong=account.available_dong,
        held_dong=account.held_dong,
        rate_limit=objects.RateLimit(limits.calls_per_s, limits.burst),
    )
    return Answer(200, shapes.encode(shape))


async def statement(call: Call[Statement, Nothing]) -> Answer:
    """A page of the account's postings, newest first."""
    wanted = call.parameters
    which = StatementFilter(
        from_ms=at_ms(wanted.from_at, "from", FIRST_MS),
        to_ms=at_ms(wanted.to_at, "to", LAST_MS),
        before_id=id_before(wanted.cursor),
        limit=wanted.limit + 1,
    )
    async with call.turn() as db:
        found = await db.read(show_statement, call.account.id, which)
    if wanted.written_as == "json":
        return page_answer(found, wanted.limit, posting_shape, lambda one: one.id)
    shown = found[: wanted.limit]
    more = len(found) > wanted.limit
    headers = ((b"next-cursor", cursor_before(shown[-1].id).encode()),) if more else ()
    table = _table(posting_shape(one) for one in shown)
    return Answer(200, table, CSV, headers)


def _table(postings: Iterable[Posting]) -> bytes:
    """The postings as CSV. Source: RFC 4180."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(_COLUMNS)
    for one in postings:
        rows.writerow([_cell(value) for value in msgspec.structs.astuple(one)])
    return text.getvalue().encode()


def _cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA_SIGNS):
        return "'" + value
    return "" if value is None else value


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        id="show_balance",
        method="GET",
        path="/v1/balance",
        tag=TAG,
        summary="Show the balance",
        description="What can be spent, and what is set aside for waiting rentals.",
        handler=balance,
        answers=(AnswerDoc(200, "The balance.", objects.Balance, examples.BALANCE),),
    ),
    Operation(
        id="show_account",
        method="GET",
        path="/v1/account",
        tag=TAG,
        summary="Show the account",
        description="Its tier, its limits, and how much of them is in use.",
        handler=show,
        answers=(AnswerDoc(200, "The account.", objects.Account, examples.ACCOUNT),),
    ),
    Operation(
        id="list_postings",
        method="GET",
        path="/v1/ledger",
        tag=TAG,
        summary="List the statement",
        description="Every movement of money of this account, newest first, by pages; as JSON, "
        "or as CSV with the cursor of the page that follows in the header `Next-Cursor`.",
        handler=statement,
        parameters=Statement,
        answers=(
            AnswerDoc(200, "A page of postings.", objects.Posting, examples.POSTING, listed=True),
            AnswerDoc(
                200,
                "Or the same as a table.",
                None,
                _CSV_EXAMPLE,
                content_type=CSV,
                headers=(("Next-Cursor", "Of CSV: the `cursor` of the page that follows."),),
            ),
        ),
    ),
)
