"""Objects as the documentation shows them: one story, of invented people."""

import msgspec

from simlet.web.v1 import objects

RENTAL = objects.Rental(
    id=1000001,
    state="received",
    service_id=1,
    service_name="Yahoo",
    store="01",
    number="+84912345678",
    national_number="0912345678",
    price_dong=470,
    code="482913",
    text="482913 is your Yahoo code",
    sender="Yahoo",
    kind="sms",
    recording_url=None,
    created_at="2026-11-23T12:00:00.123Z",
    deadline_at="2026-11-23T12:05:00.123Z",
    cancellable_at="2026-11-23T12:00:30.123Z",
    closed_at="2026-11-23T12:00:09.870Z",
    again=False,
    extensions=0,
    extendable=False,
    metadata={"order": "A-17"},
    callback_id=None,
    request_id=None,
    report=None,
)
WAITING = objects.NewRental(
    id=1000002,
    state="waiting",
    service_id=1,
    service_name="Yahoo",
    store="01",
    number="+84987654321",
    national_number="0987654321",
    price_dong=470,
    code=None,
    text=None,
    sender=None,
    kind=None,
    recording_url=None,
    created_at="2026-11-23T12:01:00.000Z",
    deadline_at="2026-11-23T12:06:00.000Z",
    cancellable_at="2026-11-23T12:01:30.000Z",
    closed_at=None,
    again=False,
    extensions=0,
    extendable=True,
    metadata={},
    callback_id=None,
    request_id=None,
    report=None,
    callback_secret=None,
)
REQUEST = objects.Request(
    id=7,
    state="queued",
    service_id=1,
    networks=["VIETTEL"],
    prefixes=["96"],
    prefixes_unwanted=[],
    max_price_dong=500,
    ahead=2,
    created_at="2026-11-23T12:02:00.000Z",
    deadline_at="2026-11-23T12:12:00.000Z",
    closed_at=None,
    rental_id=None,
    refusal=None,
    metadata={},
    callback_id=None,
)
NEW_REQUEST = objects.NewRequest(**msgspec.structs.asdict(REQUEST), callback_secret=None)
MESSAGE = objects.Message(
    id=51,
    rental_id=1000001,
    kind="sms",
    sender="Yahoo",
    text="482913 is your Yahoo code",
    code="482913",
    sent_at="2026-11-23T12:00:08.000Z",
    came_at="2026-11-23T12:00:09.700Z",
    kept_at="2026-11-23T12:00:09.870Z",
    withheld=False,
    recording_url=None,
)
POSTING = objects.Posting(
    id=90,
    kind="hold",
    amount_dong=470,
    source="available",
    target="held",
    rental_id=1000001,
    reference="hold:1000001",
    reason=None,
    at="2026-11-23T12:00:00.123Z",
)
SERVICE = objects.Service(
    id=1,
    name="Yahoo",
    store="01",
    category="general",
    price_dong=470,
    waiting_s=300,
    cancellable_after_s=30,
    extend_s=120,
    extend_times=2,
    stock=412,
    last_24h=objects.Figures(samples=318, delivery_rate=0.94, median_s=11.0),
    last_7d=objects.Figures(samples=2604, delivery_rate=0.93, median_s=12.0),
)
NETWORK = objects.Network(id=3, name="VIETTEL")
BALANCE = objects.Balance(available_dong=98_590, held_dong=470)
ACCOUNT = objects.Account(
    id=1,
    name="thanh-sim",
    tier="dealer",
    waiting=1,
    waiting_limit=10,
    queued=0,
    available_dong=98_590,
    held_dong=470,
    rate_limit=objects.RateLimit(per_s=50.0, burst=100),
)
EVENT = objects.Event(
    id="evt_9",
    type="rental.received",
    at="2026-11-23T12:00:09.870Z",
    rental=RENTAL,
    request=None,
    message=None,
    amount_dong=470,
    data={},
)
TIMELINE_ENTRY = objects.TimelineEntry(
    at="2026-11-23T12:00:09.870Z", what="message_kept", detail={"message_id": 51}
)
CALLBACK = objects.Callback(
    id=4,
    url="https://dealer.example/simlet",
    failover_url=None,
    events=["rental.received", "rental.expired"],
    format="v1",
    scope="account",
    state="active",
    disabled_reason=None,
    created_at="2026-11-23T11:00:00.000Z",
    failing_since=None,
    secret=None,
    old_secret_until=None,
)
ATTEMPT = objects.Attempt(
    id=31,
    callback_id=4,
    event_id="evt_9",
    number=1,
    at="2026-11-23T12:00:09.880Z",
    duration_ms=48,
    status=200,
    error=None,
    answer="ok",
    outcome="delivered",
    next_at=None,
)
NEW_CALLBACK = msgspec.structs.replace(
    CALLBACK,
    secret="whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",  # noqa: S106 - of nobody
)
TEST_EVENT = objects.Event(
    id="evt_12",
    type="callback.test",
    at="2026-11-23T12:05:00.000Z",
    rental=None,
    request=None,
    message=None,
    amount_dong=None,
    data={"callback_id": 4},
)
