"""The kinds of equipment that simlet can speak to."""

from simlet.gateways.contract import DriverKind
from simlet.gateways.drivers import android, gammu, http, modem, simulator, smpp, twilio, webhook

KINDS: dict[str, DriverKind] = {
    kind.name: kind
    for kind in (
        android.KIND,
        gammu.KIND,
        http.KIND,
        modem.KIND,
        simulator.KIND,
        smpp.KIND,
        twilio.KIND,
        webhook.KIND,
    )
}
