"""The reference of `/v1` at `/docs`: everything that it loads is served here.

Where the script that shows it was not fetched when simlet was set up, and at `/docs/plain` always,
it is a page of plain HTML.
"""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from simlet.web.asgi import Receive, Scope, Send, header
from simlet.web.reference import plain_page

PATH = "/docs"
PLAIN_PATH = "/docs/plain"
STYLE_PATH = "/docs/plain.css"
START_PATH = "/docs/start.js"
SCRIPT_PATH = "/docs/reference.js"
DOCUMENT_URL = "/v1/openapi.json"

_HTML = b"text/html; charset=utf-8"
_JAVASCRIPT = b"text/javascript; charset=utf-8"
_ONLY_OURS = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
PLAIN_POLICY = _ONLY_OURS + "style-src 'self'"
# The script writes its styles into the page.
SHOWN_POLICY = _ONLY_OURS + (
    "script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'"
)
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>simlet: the API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
</head>
<body>
<noscript><a href="{PLAIN_PATH}">The reference as a plain page</a></noscript>
<div id="reference"></div>
<script src="{SCRIPT_PATH}"></script>
<script src="{START_PATH}"></script>
</body>
</html>
"""
# Its own fonts, its proxy, its figures of use and its services elsewhere: all of them off.
_START = f"""Scalar.createApiReference("#reference", {{
  url: "{DOCUMENT_URL}",
  withDefaultFonts: false,
  telemetry: false,
  proxyUrl: "",
  hideClientButton: true,
  showDeveloperTools: "never",
  agent: {{ disabled: true }},
  mcp: {{ disabled: true }},
  persistAuth: false,
}});
"""
_STYLE = """body { font: 16px/1.5 sans-serif; }
body { max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid #bbb; }
h3 { margin-top: 2.5rem; }
code, pre { font-family: monospace; background: #f3f3f3; }
pre { padding: .6rem; overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; }
th, td { border: 1px solid #ccc; padding: .2rem .6rem; text-align: left; vertical-align: top; }
"""


@dataclass(frozen=True, slots=True)
class _File:
    """What is served at one path; `policy` says what a page may load."""

    body: bytes
    content_type: bytes
    policy: str = PLAIN_POLICY
    gzipped: bool = False


@dataclass(slots=True)
class Docs:
    """Serves the reference.

    Attributes:
        document: gives the OpenAPI document.
    """

    document: Callable[[], bytes]
    _files: dict[str, _File] = field(default_factory=dict)

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answers one request to `/docs` or below."""
        found = self._all().get(scope["path"].rstrip("/"))
        if found is None:
            await _send(send, scope, 404, _File(b"There is no such page.\n", b"text/plain"))
        elif scope["method"] not in {"GET", "HEAD"}:
            await _send(send, scope, 405, _File(b"Only GET.\n", b"text/plain"))
        else:
            await _send(send, scope, 200, found)

    def _all(self) -> dict[str, _File]:
        if not self._files:
            plain = _File(plain_page(self.document(), STYLE_PATH), _HTML)
            self._files = {
                PATH: plain,
                PLAIN_PATH: plain,
                STYLE_PATH: _File(_STYLE.encode(), b"text/css; charset=utf-8"),
            }
            script = _script()
            if script is not None:
                self._files[PATH] = _File(_PAGE.encode(), _HTML, SHOWN_POLICY)
                self._files[START_PATH] = _File(_START.encode(), _JAVASCRIPT)
                self._files[SCRIPT_PATH] = _File(script, _JAVASCRIPT, gzipped=True)
        return self._files


def is_docs(path: str) -> bool:
    """Whether a path is the reference's."""
    return path == PATH or path.startswith(PATH + "/")


@cache
def _script() -> bytes | None:
    """The script that shows the reference, packed; None where it was not fetched."""
    try:
        return files("simlet").joinpath("web", "assets", "reference.js.gz").read_bytes()
    except OSError:
        return None


async def _send(send: Send, scope: Scope, status: int, file: _File) -> None:
    body = file.body
    headers = [
        (b"content-type", file.content_type),
        (b"content-security-policy", file.policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"public, max-age=3600" if file.gzipped else b"no-cache"),
    ]
    if file.gzipped:
        headers.append((b"vary", b"accept-encoding"))
        if "gzip" in header(scope, b"accept-encoding"):
            headers.append((b"content-encoding", b"gzip"))
        else:
            body = gzip.decompress(body)
    if status == 405:
        headers.append((b"allow", b"GET, HEAD"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
