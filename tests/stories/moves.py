"""What a game is played with, and every move in it, as hypothesis draws them."""

from typing import Any

from hypothesis import strategies as st

from stories.plain_model import PlainService, Wish

# Few lines, few accounts, and prices that share a divisor: so that things meet.
LINES = {"+84961000001": "VIETTEL", "+84967000002": "MOBIFONE", "+84851000003": "VINAPHONE"}
SERVICES = (
    PlainService(1, 100, 60, sender="Alpha"),
    PlainService(2, 50, 30, word="beta", cancel_after_s=10, extend_s=15, extend_times=2),
    PlainService(3, 50, 45, sender="Alpha", word="gamma"),
    PlainService(8, 100, 90, catch_all=True, extend_s=20, extend_times=1),
    PlainService(9, 50, 40, sender="Delta", catch_all=True),
)
ACCOUNTS = {"one": (4, 600), "other": (3, 400)}
NOBODYS = "+84999000009"

a_pick = st.integers(0, 1_000)
a_service = st.sampled_from(SERVICES)
wishes = st.builds(
    Wish,
    networks=st.sampled_from([(), (), ("VIETTEL",), ("MOBIFONE", "VINAPHONE"), ("ITELECOM",)]),
    wanted=st.sampled_from([(), (), ("96",), ("9", "33"), ("967",), ("85", "9610"), ("31",)]),
    unwanted=st.sampled_from([(), (), (), ("96",), ("8",), ("967",), ("9610", "85")]),
)
senders = st.sampled_from(["Alpha", "ALPHA", "Delta", "Stranger"])
texts = st.sampled_from(["Your {}", "beta {}", "gamma {}", "beta and gamma {}"])
# Against the time of a rental, or of now; the number is what is added, in milliseconds.
stamps = st.one_of(
    st.none(),
    st.tuples(
        st.just("now"), st.sampled_from([-61_000, -5_000, -1_000, -400, -1, 0, 1, 3_600_000])
    ),
    st.tuples(
        st.sampled_from(["began", "ends", "second of began", "second of ends"]),
        st.sampled_from([-1_000, -1, 0, 0, 1, 5_000]),
    ),
)

MOVES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "let_time_pass": {"seconds": st.sampled_from([0.001, 0.4, 1, 7, 20, 31])},
    "go_to_a_deadline": {"pick": a_pick, "offset_ms": st.sampled_from([-1, 0, 1])},
    "expire": {},
    "rent": {"who": a_pick, "service": a_service, "wish": wishes},
    "rent_where_another_is": {"pick": a_pick, "who": a_pick, "service": a_service},
    "place_order": {
        "who": a_pick,
        "service": st.sampled_from(SERVICES[:2]),
        "wish": st.sampled_from([Wish(), Wish(wanted=("9",))]),
        "order_id": st.sampled_from(["a", "b"]),
    },
    "rent_again": {"pick": a_pick},
    "rent_again_what_may_not_be": {
        "pick": a_pick,
        "who": st.sampled_from([None, None, 0, 1]),
        "number": st.sampled_from([None, None, *LINES]),
        "service": st.sampled_from([None, None, *SERVICES]),
    },
    "receive_what_a_rental_waits_for": {
        "pick": a_pick,
        "has_code": st.sampled_from([True, True, False]),
        "stamp": stamps,
        "besides": st.sampled_from(["", "", "beta ", "gamma "]),
    },
    "receive_sms": {
        "pick": a_pick,
        "number": st.sampled_from([None, None, *LINES, NOBODYS]),
        "sender": senders,
        "text": texts,
        "has_code": st.sampled_from([True, True, False]),
        "stamp": stamps,
        "source_id": st.sampled_from([None, None, "17", "18"]),
    },
    "receive_call": {"pick": a_pick, "has_code": st.booleans(), "recording": st.booleans()},
    "receive_again": {
        "pick": a_pick,
        "change": st.sampled_from(["nothing", "nothing", "stamp", "id", "sender"]),
    },
    "race_a_code_against_the_deadline": {"pick": a_pick, "expiry_first": st.booleans()},
    "cancel": {"pick": a_pick},
    "report": {"pick": a_pick},
    "extend": {"pick": a_pick},
    "queue": {
        "who": a_pick,
        "service": a_service,
        "wish": st.sampled_from([Wish(), Wish(), Wish(wanted=("96",))]),
        "wait_s": st.sampled_from([1, 25, 90, 3600]),
    },
    "fill": {},
    "cancel_request": {"pick": a_pick},
    "credit": {
        "who": a_pick,
        "amount_dong": st.sampled_from([50, 100, 100, 150, 1]),
        "reference": st.sampled_from("abcdef"),
    },
    "take_back": {
        "who": a_pick,
        "amount_dong": st.sampled_from([1, 50, 100, 150]),
        "reference": st.sampled_from("abcd"),
    },
    "restart": {},
}
FIRST_MOVES = {"rent", "place_order", "receive_sms", "credit", "let_time_pass", "queue"}

OFTEN = (
    "rent",
    "rent_where_another_is",
    "rent_where_another_is",
    "receive_what_a_rental_waits_for",
)

# One rule for all moves: of many rules hypothesis leaves most out of a game, and here it takes
# several sorts of them to come to anything.
a_move = st.sampled_from([*MOVES, *OFTEN]).flatmap(
    lambda name: st.tuples(st.just(name), st.fixed_dictionaries(MOVES[name]))
)
