"""What the tests of the client share."""

import os

import pytest

from client.canned import Asyncio, Blocking, Driven


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests reaches a client."""
    for name in os.environ:
        if name.startswith(("SIMLET_", "HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy")):
            monkeypatch.delenv(name)


@pytest.fixture(params=[Blocking, Asyncio])
def driven(request: pytest.FixtureRequest) -> Driven:
    """Each of the two clients in turn."""
    made: Driven = request.param()
    return made
