"""What runs by the clock: expiry, callbacks, housekeeping."""
