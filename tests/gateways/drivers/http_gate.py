"""An HTTP gateway of a running server, and what is posted to it."""

from dataclasses import dataclass
from io import BytesIO
from random import Random
from typing import Any

import aiohttp

from simlet.testing.site import Reply, Site
from simlet.testing.world import Dealer, World

NUMBER = "0967000001"
E164 = "+84967000001"
STARTED = "2023-11-14T22:13:20Z"  # START_MS
RECORDING_LIMIT = 2 * 1024 * 1024
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Gate:
    """An HTTP gateway, with one line that can be rented for Yahoo."""

    site: Site
    secret: str
    dealer: Dealer

    @property
    def world(self) -> World:
        return self.site.world

    async def messages(self, body: Any) -> Reply:
        return await self.site.post("/gateways/gate/messages", body, self.secret)

    async def calls(self, body: Any) -> Reply:
        return await self.site.post("/gateways/gate/calls", body, self.secret)

    async def form(self, body: bytes, content_type: str) -> Reply:
        headers = {"authorization": f"Bearer {self.secret}", "content-type": content_type}
        return await self.site.request("POST", "/gateways/gate/calls", headers=headers, data=body)

    async def kept(self, fields: str) -> list[tuple[Any, ...]]:
        """Fields of all messages, in the order in which they were kept."""
        rows = await self.world.rows(f"SELECT {fields} FROM messages ORDER BY id")
        return [tuple(row) for row in rows]

    async def code_of(self, rental_id: int) -> Any:
        """What the dealer reads of a rental."""
        path = f"/api/?show=code&ID={rental_id}&token={self.dealer.token}"
        return (await self.site.get(path)).json

    async def recording_path(self, rental_id: int) -> str:
        """The address of a rental's recording, without the server's."""
        url: str = (await self.code_of(rental_id))["Result"]["CallFile"]
        return url.removeprefix(self.site.base_url)


async def gate_in(site: Site) -> Gate:
    _, secret = await site.world.gateway()
    await site.world.service(4)
    await site.world.lines(NUMBER)
    return Gate(site, secret, await site.world.dealer())


def sms(text: str = "hello", **others: Any) -> dict[str, Any]:
    return {"to": NUMBER, "from": "Yahoo", "text": text, **others}


def wav(size: int = 100) -> bytes:
    head = b"RIFF" + (size - 8).to_bytes(4, "little") + b"WAVEfmt "
    return head + Random(size).randbytes(size - len(head))


def call_form(recording: bytes | None = None, **fields: str) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, text in {"to": NUMBER, "from": "19001234", **fields}.items():
        form.add_field(name, text)
    if recording is not None:
        form.add_field("recording", BytesIO(recording), filename="a.wav", content_type="audio/wav")
    return form


def results(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.raw
    return [one["result"] for one in reply.json["results"]]
