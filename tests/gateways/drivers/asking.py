"""Requests to a webhook gateway, and what becomes of them, for its tests."""

import json
from typing import Any
from urllib.parse import urlencode

from gateways.drivers.cases_webhook import FORM, get, post
from simlet.domain.inbound import Inbound
from simlet.gateways.contract import HttpAnswer, HttpRequest, Value
from simlet.gateways.drivers.webhook import KIND
from simlet.testing.driver_kit import SECRET, FakeSupervisor

TO = "+84912345678"
ONE = {"to": "0912345678", "from": "Yahoo", "text": "486460"}


async def ask(
    request: HttpRequest, supervisor: FakeSupervisor | None = None, /, **settings: Value
) -> tuple[HttpAnswer, list[Inbound]]:
    """The answer to a request, and what was handed over for it."""
    supervisor = supervisor or FakeSupervisor()
    driver = KIND.make(supervisor.context(KIND, settings))
    return await driver.answer(request), supervisor.handed_over


async def read(request: HttpRequest, **settings: Value) -> Inbound:
    """The one message of a request that is taken."""
    answer, handed = await ask(request, **settings)
    assert answer.status == 200, answer.body
    (one,) = handed
    return one


def posted(body: Any, query: str = "") -> HttpRequest:
    return post(json.dumps(body).encode(), query=query)


def form(fields: dict[str, Any]) -> HttpRequest:
    return post(urlencode(fields).encode(), FORM)


def kannel(**fields: str) -> HttpRequest:
    """What smsbox asks for, with fields whose values are percent-encoded already."""
    told = {"to": "84912345678", "from": "VIETTEL", "text": "x", "secret": SECRET} | fields
    return get("&".join(f"{name}={value}" for name, value in told.items()))
