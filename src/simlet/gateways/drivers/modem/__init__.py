"""GSM modems and SIM banks over AT: serial ports, or TCP to a terminal server."""

from simlet.gateways.drivers.modem.gateway import KIND

__all__ = ["KIND"]
