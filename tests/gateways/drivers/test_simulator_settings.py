"""The settings of the simulator."""

import pytest

from simlet.domain.errors import INVALID, Refused
from simlet.gateways.contract import Settings
from simlet.gateways.drivers.simulator import KIND
from simlet.gateways.settings import check_settings


def test_settings_are_completed() -> None:
    assert check_settings(KIND, {"seed": 4, "delay_min_s": 3}) == {
        "delay_min_s": 3,
        "delay_max_s": 6,
        "silent_share": 0,
        "twice_share": 0,
        "late_share": 0,
        "burst_share": 0,
        "late_s": 400,
        "seed": 4,
    }


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"speed": 1}, "speed"),
        ({"delay_min_s": -1}, "delay_min_s"),
        ({"delay_max_s": 86_401}, "delay_max_s"),
        ({"delay_min_s": 7}, "delay_max_s"),
        ({"late_s": float("nan")}, "late_s"),
        ({"late_s": float("inf")}, "late_s"),
        ({"late_s": "soon"}, "late_s"),
        ({"silent_share": True}, "silent_share"),
        ({"silent_share": 1.1}, "silent_share"),
        ({"twice_share": -0.1}, "twice_share"),
        ({"seed": 1.5}, "seed"),
        ({"seed": -1}, "seed"),
        ({"seed": False}, "seed"),
        ({"silent_share": 0.6, "burst_share": 0.5}, "shares"),
    ],
)
def test_settings_that_are_not_usable_are_refused_by_name(settings: Settings, name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_settings(KIND, settings)

    assert refused.value.refusal is INVALID
    assert refused.value.details["name"] == name


def test_shares_may_sum_up_to_one_exactly() -> None:
    # One after the other these floats add up to more than 1.
    shares = {"silent_share": 0.2, "twice_share": 0.4, "late_share": 0.3, "burst_share": 0.1}

    assert check_settings(KIND, {**shares})["silent_share"] == 0.2


def test_it_is_a_kind_without_a_secret() -> None:
    assert (KIND.name, KIND.takes_secret) == ("simulator", False)
