"""What can be rented: services and networks."""

from simlet.domain.figures import Figures
from simlet.flows.browse import list_networks
from simlet.flows.show_services import ServiceDetail
from simlet.web.v1 import examples, objects, shapes
from simlet.web.v1.operation import Answer, AnswerDoc, AnyOperation, Call, Nothing, Operation

TAG = "catalogue"


async def services(call: Call[Nothing, Nothing]) -> Answer:
    """The services that the account may rent now."""
    found = await call.offers.to(call.account)
    return Answer(200, shapes.list_bytes([_service(one) for one in found]))


def _service(service: ServiceDetail) -> objects.Service:
    return objects.Service(
        id=service.id,
        name=service.name,
        store=service.store,
        category=service.category,
        price_dong=service.price_dong,
        waiting_s=service.waiting_s,
        cancellable_after_s=service.cancel_after_s,
        extend_s=service.extend_s,
        extend_times=service.extend_times,
        stock=service.stock,
        last_24h=_figures(service.last_24h),
        last_7d=_figures(service.last_7d),
    )


def _figures(figures: Figures) -> objects.Figures:
    return objects.Figures(figures.samples, figures.delivery_rate, figures.median_s)


async def networks(call: Call[Nothing, Nothing]) -> Answer:
    """All networks."""
    found = await call.runtime.db.quick_read(list_networks)
    shown = [objects.Network(network_id, name) for network_id, name in found]
    return Answer(200, shapes.list_bytes(shown))


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        id="list_services",
        method="GET",
        path="/v1/services",
        tag=TAG,
        summary="List services",
        description="Every service that may be rented now, at the price of this account, with "
        "the lines that would be given to it now (at most a second old), and how the service did "
        "in the last 24 hours and 7 days. Of fewer than 20 rentals no figure is told.",
        handler=services,
        answers=(AnswerDoc(200, "All of them.", objects.Service, examples.SERVICE, listed=True),),
    ),
    Operation(
        id="list_networks",
        method="GET",
        path="/v1/networks",
        tag=TAG,
        summary="List networks",
        description="Every mobile operator whose name `networks` takes.",
        handler=networks,
        answers=(AnswerDoc(200, "All of them.", objects.Network, examples.NETWORK, listed=True),),
    ),
)
