"""Addresses that dealers give to be called back on, judged before they are kept."""

import ipaddress

from simlet.config import CallbackSettings
from simlet.domain.errors import INVALID, Refused, invalid
from simlet.outbound import OutboundPolicy, check_address


def check_callback_url(settings: CallbackSettings, url: str, name: str) -> None:
    """Refuses an address that could never be posted to; names are judged at each connect.

    Raises:
        Refused: INVALID, with `name` for the input; the address itself is not repeated.
    """
    allowed = tuple(ipaddress.ip_network(one) for one in settings.private_networks)
    try:
        check_address(url, OutboundPolicy(allowed, frozenset(settings.ports)))
    except Refused as refused:
        if refused.refusal is not INVALID:
            raise
        raise invalid(name, str(refused.details["reason"])) from None
