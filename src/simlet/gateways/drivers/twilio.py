"""Twilio: messages to a number that is rented there come as signed forms.

Source: Twilio's documentation, "Messaging webhooks" (the fields) and "Webhooks security" (the
signature: base64 of an HMAC over the address as Twilio calls it and, of a form, each field's name
and value in the order of their names).
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from simlet.domain.errors import Refused, invalid
from simlet.domain.health import GatewayReport
from simlet.gateways.contract import (
    DriverContext,
    DriverKind,
    HttpAnswer,
    HttpRequest,
    Result,
    Setting,
    Settings,
)
from simlet.gateways.posted import inbound_sms, read_json, required, text_of

ROUTE = "messages"
MAX_FIELDS = 200
_NAMES = ("From", "To", "Body", "MessageSid")
_DIGESTS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_PORTS = {"http": "80", "https": "443"}
_URL = re.compile(r"(https?)://([^/?#\s]+?)(?::(\d{1,5}))?(/[^?\s]*)?")
_DONE = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
_STATUS_OF = {
    Result.KEPT: 200,
    Result.DUPLICATE: 200,
    Result.FAILED: 503,
    Result.REFUSED: 403,
}
_REASONS = {
    Result.FAILED: "it could not be kept now; send it again",
    Result.REFUSED: "its line is another gateway's; do not send it again",
}

Pairs = list[tuple[str, str]]


def _answer(status: int, sentence: str) -> HttpAnswer:
    return HttpAnswer(status, sentence.encode(), "text/plain; charset=utf-8", sentence)


@dataclass(frozen=True, slots=True)
class TwilioDriver:
    """One Twilio account.

    Attributes:
        key: the account's token, which Twilio signs with.
        urls: the address as Twilio calls it, in the spellings that it may have signed.
    """

    context: DriverContext
    key: bytes
    urls: list[str]

    async def run(self) -> None:
        """Has nothing to do by itself: Twilio comes to us."""

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """Takes a message at `messages`, by POST or GET.

        200 when it is kept, 403 when it is not signed or not for us, 503 when it is to come again.
        """
        if request.route != ROUTE:
            return _answer(404, "there is no such address")
        if request.method not in {"POST", "GET"}:
            return _answer(405, "expected POST")
        try:
            return await self._take(request)
        except Refused as refused:
            return _answer(400, refused.sentence)

    async def _take(self, request: HttpRequest) -> HttpAnswer:
        is_json = _content_type(request) == "application/json"
        form = [] if is_json else _pairs(request.body.decode("utf-8", "surrogateescape"))
        query = _pairs(request.query)
        if not (_body_is_signed(request.body, query, is_json=is_json) & self._fits(request, form)):
            return _answer(403, "the signature is missing or wrong")
        if is_json:
            fields = _json_fields(request.body)
        else:
            fields = _first(query if request.method == "GET" else form)
        required(fields, *_NAMES)
        message = inbound_sms(
            fields["To"], fields["From"], fields["Body"], None, fields["MessageSid"]
        )
        (result,) = await self.context.deliver([message])
        self.context.report(GatewayReport(up=True))
        if result in _REASONS:
            return _answer(_STATUS_OF[result], _REASONS[result])
        return HttpAnswer(_STATUS_OF[result], _DONE, "text/xml; charset=utf-8")

    def _fits(self, request: HttpRequest, form: Pairs) -> bool:
        """Whether the signature is that of the address and the form."""
        shown = request.headers.get("x-twilio-signature", "").encode("latin-1", "replace")
        digest = _DIGESTS.get(_algorithm(request))
        query = f"?{request.query}" if request.query else ""
        # Each is looked at whatever the others say, so that the time tells nothing.
        fits = [
            hmac.compare_digest(_signature(self.key, url + query, form, digest or "sha1"), shown)
            for url in self.urls
        ]
        return any(fits) and digest is not None


def _content_type(request: HttpRequest) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _pairs(text: str) -> Pairs:
    """Names and values as they came: what is no UTF-8 is kept for the signature."""
    try:
        return parse_qsl(
            text, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise invalid("form", f"expected at most {MAX_FIELDS} fields") from None


def _first(pairs: Pairs) -> dict[str, str]:
    """Of a field that is there twice the first counts."""
    return dict(reversed(pairs))


def _json_fields(body: bytes) -> dict[str, str]:
    fields = read_json(body)
    if not isinstance(fields, dict):
        raise invalid("body", "expected an object")
    texts = {name: text_of(fields.get(name), name) for name in _NAMES}
    return {name: text for name, text in texts.items() if text is not None}


def _body_is_signed(body: bytes, query: Pairs, *, is_json: bool) -> bool:
    """Whether the address, which is signed, tells the hash of a body that is no form."""
    hashed = _first(query).get("bodySHA256", "").encode("utf-8", "surrogateescape")
    equal = hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), hashed)
    return equal or not is_json


def _algorithm(request: HttpRequest) -> str:
    """Which algorithm signed it: the first one that there was where nothing is said."""
    header = request.headers.get("x-twilio-webhooks-signature-settings", "")
    for one in header.split(","):
        name, _, value = one.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"


def _signature(key: bytes, url: str, form: Pairs, digest: str) -> bytes:
    """What Twilio writes in `X-Twilio-Signature`; of a field that is there twice both count."""
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.digest(key, signed.encode("utf-8", "surrogateescape"), digest))


def _spellings(url: str) -> list[str]:
    """An address as it is set, without a port, and with one: Twilio may sign either."""
    found = _URL.fullmatch(url)
    if found is None:
        raise invalid("public_url", "expected https://HOST/PATH, without a query")
    scheme, host, port, path = found.groups(default="")
    path = path.partition("#")[0]
    port = port or _PORTS[scheme]
    return [f"{scheme}://{host}{path}", f"{scheme}://{host}:{port}{path}"]


def _check(settings: Settings) -> None:
    if settings["public_url"]:
        _spellings(str(settings["public_url"]))


def _make(context: DriverContext) -> TwilioDriver:
    url = str(context.settings["public_url"]) or f"{context.address}/{ROUTE}"
    key = str(context.settings["auth_token"]).encode("utf-8", "surrogatepass")
    return TwilioDriver(context, key, _spellings(url))


KIND = DriverKind(
    name="twilio",
    title="Numbers that are rented at Twilio: their messages come as signed forms.",
    settings=(
        Setting(
            "auth_token",
            "the Auth Token of the Twilio account (Console, Account, API keys & tokens)",
            "",
            required=True,
            secret=True,
        ),
        Setting(
            "public_url",
            "the address as Twilio calls it, where a proxy changes it; else the gateway's own",
            "",
        ),
    ),
    setup="""\
In the Twilio Console, at the phone number (or the Messaging Service) under "Messaging":

  A message comes in     Webhook   {address}/messages#rc=5&rp=ct,rt,5xx   HTTP POST
  Primary handler fails  Webhook   {address}/messages   HTTP POST

Enter both. By itself Twilio calls an address once: a message that we cannot keep at that moment
would be lost. What stands behind the # makes it call up to five times within 15 s, and the second
address gives it one more call. It is not sent to us and is no part of the signature.

If Twilio reaches us under another address than {address} (a proxy, a tunnel), set it:
public_url=https://HOST/PATH/messages, without a query and without the # part. A wrong one makes
every signature wrong: the answer is 403, which Twilio shows under Monitor, Logs, Errors (11200).

The numbers must be lines of this gateway. Nothing is ever sent back: the answer is an empty
<Response/>.
""",
    make=_make,
    check=_check,
)
