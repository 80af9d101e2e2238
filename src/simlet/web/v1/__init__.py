"""`/v1`: the API for dealers' programs, over bare ASGI."""
