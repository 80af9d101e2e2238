"""The reference at /docs: everything that it loads is ours, with the script and without it."""

import gzip
import re

import pytest

from simlet.testing.site import Reply, Site
from simlet.web import docs
from simlet.web.v1.table import OPERATIONS

pytestmark = pytest.mark.anyio

SCRIPT = b"window.Scalar = {};"
_LOADED = re.compile(r"""(?:src|href)=["']([^"']*)["']""")
_ELSEWHERE = re.compile(r"^(?:[a-z]+:)?//|^[a-z]+:")


@pytest.fixture(params=["fetched", "missing"])
def script(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bytes | None:
    """The script as it was fetched when simlet was set up, or not."""
    found = gzip.compress(SCRIPT) if request.param == "fetched" else None
    monkeypatch.setattr(docs, "_script", lambda: found)
    return found


def policy(reply: Reply) -> dict[str, set[str]]:
    """Which sources the policy of a page lets in, by what they are for."""
    parts = reply.headers["content-security-policy"].split(";")
    rules = [one.split() for one in parts]
    return {name: set(sources) for name, *sources in rules}


async def test_all_that_the_page_loads_is_served_here(script: bytes | None, site: Site) -> None:
    page = await site.get("/docs")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    links = _LOADED.findall(page.raw.decode())
    assert links
    for link in links:
        assert not _ELSEWHERE.match(link), link
        if not link.startswith("#"):
            assert (await site.get(link)).status == 200, link


@pytest.mark.parametrize("path", ["/docs", "/docs/plain"])
async def test_the_policy_lets_nothing_in_from_elsewhere(
    script: bytes | None, site: Site, path: str
) -> None:
    rules = policy(await site.get(path))
    assert rules["default-src"] == {"'none'"}
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == {"'none'"}
    allowed = {"'self'", "'none'", "data:", "'unsafe-inline'"}
    assert set().union(*rules.values()) <= allowed
    assert rules.get("script-src", {"'none'"}) <= {"'self'", "'none'"}
    assert rules.get("connect-src", {"'none'"}) <= {"'self'", "'none'"}


async def test_the_script_is_served_packed_and_unpacked(script: bytes | None, site: Site) -> None:
    reply = await site.get("/docs/reference.js", {"accept-encoding": "identity"})
    packed = await site.get("/docs/reference.js", {"accept-encoding": "gzip"})
    if script is None:
        assert reply.status == packed.status == 404
        return
    assert reply.raw == packed.raw == SCRIPT
    assert "content-encoding" not in reply.headers
    assert packed.headers["content-encoding"] == "gzip"


async def test_what_the_script_would_fetch_elsewhere_is_switched_off(
    script: bytes | None, site: Site
) -> None:
    start = await site.get("/docs/start.js")
    if script is None:
        assert start.status == 404
        return
    text = start.raw.decode()
    assert not re.search(r"https?://", text)
    for setting in ("withDefaultFonts: false", "telemetry: false", 'proxyUrl: ""'):
        assert setting in text


@pytest.mark.parametrize("path", ["/docs/plain", "/docs/plain/"])
async def test_the_plain_page_tells_every_operation(
    script: bytes | None, site: Site, path: str
) -> None:
    text = (await site.get(path)).raw.decode()
    assert "<script" not in text
    for one in OPERATIONS:
        assert f'id="{one.id}"' in text
        assert f"{one.method} {one.path}" in text
        for refusal in one.refusals:
            assert f"<code>{refusal.code}</code>" in text
    targets = set(re.findall(r'id="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= targets


async def test_without_the_script_the_page_is_the_plain_one(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    monkeypatch.setattr(docs, "_script", lambda: None)
    assert (await site.get("/docs")).raw == (await site.get("/docs/plain")).raw


async def test_other_methods_and_other_pages_are_refused(site: Site) -> None:
    assert (await site.request("POST", "/docs")).status == 405
    assert (await site.request("HEAD", "/docs")).raw == b""
    assert (await site.get("/docs/../secret")).status == 404
    assert (await site.get("/docs/x")).status == 404
    assert (await site.get("/docsx")).status == 404
