"""Every filter of a rent counts."""

import pytest

from web.first_api.answers import NO_STOCK, refusal
from web.first_api.api import Api

pytestmark = pytest.mark.anyio

POOL = (
    "0961000001 VIETTEL",
    "0967000002 MOBIFONE",
    "0852000003 VINAPHONE",
    "0903000004 MOBIFONE",
)


async def numbers_fitting(api: Api, query: str) -> set[str]:
    """The numbers of the pool that can be rented under a filter, all of them."""
    await api.world.service(4)
    await api.world.lines(*POOL)
    dealer = await api.world.dealer()
    numbers: set[str] = set()
    while True:
        answer = await api.rent(dealer, f"serviceId=4&{query}")
        if not answer["success"]:
            assert refusal(answer) == NO_STOCK
            return numbers
        numbers.add(answer["data"]["phone_number"])


@pytest.mark.parametrize(
    ("query", "fitting"),
    [
        ("", {"961000001", "967000002", "852000003", "903000004"}),
        ("carries=&yPrefix=&nPrefix=", {"961000001", "967000002", "852000003", "903000004"}),
        ("carries=|&yPrefix=||&nPrefix=|", {"961000001", "967000002", "852000003", "903000004"}),
        ("carries=mobifone", {"967000002", "903000004"}),
        ("carries=|Viettel||vinaphone|", {"961000001", "852000003"}),
        ("carries=%20VIETTEL%20|", {"961000001"}),
        ("carries=VIETTEL%7CVINAPHONE", {"961000001", "852000003"}),
        ("carries=VIETTEL|viettel|VIETTEL", {"961000001"}),
        ("yPrefix=96", {"961000001", "967000002"}),
        ("yPrefix=096|", {"961000001", "967000002"}),
        ("yPrefix=967", {"967000002"}),
        ("yPrefix=0967|85", {"967000002", "852000003"}),
        ("yPrefix=9610000", {"961000001"}),
        ("yPrefix=961000001", {"961000001"}),
        ("yPrefix=9", {"961000001", "967000002", "903000004"}),
        ("nPrefix=96|85|", {"903000004"}),
        ("nPrefix=096|", {"852000003", "903000004"}),
        ("nPrefix=967", {"961000001", "852000003", "903000004"}),
        ("yPrefix=96&nPrefix=967", {"961000001"}),
        ("yPrefix=96|85&nPrefix=96", {"852000003"}),
        ("yPrefix=96&nPrefix=96", set()),
        ("carries=MOBIFONE&yPrefix=96", {"967000002"}),
        ("carries=MOBIFONE&nPrefix=96", {"903000004"}),
        ("carries=ITELECOM", set()),
        ("nPrefix=96&nPrefix=85", {"903000004"}),
        ("nPrefix=96&nprefix=85", {"903000004"}),
        ("nPrefix[]=96&nPrefix[]=85", {"903000004"}),
        ("nPrefix%5B%5D=96&nPrefix=85", {"903000004"}),
        ("nPrefix[0]=96&nPrefix[1]=85", {"903000004"}),
        ("nPrefix=&nPrefix=96|85", {"903000004"}),
        ("yPrefix=85&yPrefix[]=90|", {"852000003", "903000004"}),
        ("carries[]=VIETTEL&carries[]=VINAPHONE", {"961000001", "852000003"}),
    ],
)
async def test_every_filter_counts(api: Api, query: str, fitting: set[str]) -> None:
    assert await numbers_fitting(api, query) == fitting
