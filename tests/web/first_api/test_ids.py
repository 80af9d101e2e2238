"""How a service and a rental may be named."""

import pytest

from web.first_api.answers import NO_SUCH_SERVICE, refusal
from web.first_api.api import Api

pytestmark = pytest.mark.anyio


async def test_the_id_of_a_rental_is_a_bare_number_with_both_digits_of_the_store(api: Api) -> None:
    await api.world.service(4, "10")
    await api.world.lines("0967000001", store="10")
    dealer = await api.world.dealer()

    reply = await api.get(f"/api/register-service/?serviceId=10.4&token={dealer.token}")

    rental_id = reply.json["data"]["request_id"]
    assert f'"RequestLog":{{"ID":{rental_id}.10,'.encode() in reply.raw
    assert f'"request_id":"{rental_id}"'.encode() in reply.raw


@pytest.mark.parametrize(
    "form", ["{}", "{}.10", "{}.1", "{}.100", "{}.0", "{}.99", "{}.", "0{}.10"]
)
async def test_the_integer_part_of_an_id_alone_decides(api: Api, form: str) -> None:
    await api.world.service(4, "10")
    await api.world.lines("0967000001", store="10")
    dealer = await api.world.dealer()
    rental_id = await api.rented(dealer, "serviceId=4")

    code = await api.code(dealer, form.format(rental_id))

    assert code["data"]["ID"] == rental_id


@pytest.mark.parametrize("service", ["02.97", "97", "2.97", "02.0097", "%2002.97%20", "+97"])
async def test_a_service_is_taken_with_and_without_its_store(api: Api, service: str) -> None:
    await api.world.service(97, "02")
    await api.world.lines("0967000001", store="02")
    dealer = await api.world.dealer()

    answer = await api.rent(dealer, f"serviceId={service}")

    assert answer["RequestLog"]["ServiceID"] == 97


@pytest.mark.parametrize(
    "service", ["01.97", "02.98", "", "abc", "02.", ".97", "-97", "97.02.1", "9" * 401, "%00", "٩٧"]
)
async def test_another_service_is_not_there(api: Api, service: str) -> None:
    await api.world.service(97, "02")
    await api.world.lines("0967000001", store="02")
    dealer = await api.world.dealer()

    assert refusal(await api.rent(dealer, f"serviceId={service}")) == NO_SUCH_SERVICE


async def test_a_rent_without_a_service_names_none_that_is_there(api: Api) -> None:
    dealer = await api.world.dealer()

    assert refusal(await api.rent(dealer, "")) == NO_SUCH_SERVICE
