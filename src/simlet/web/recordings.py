"""The addresses of recordings: signed, expiring, without a number in them."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from simlet.clock import Clock
from simlet.domain.signing import read_reference, sign_reference
from simlet.flows import browse
from simlet.runtime import Runtime

PATH = "/recordings/"
_WHAT = "recording"


class Answered(Protocol):
    """A rental, and what is known of the message that answered it."""

    @property
    def message_id(self) -> int | None:
        """The message."""
        ...

    @property
    def message_kept_at_ms(self) -> int | None:
        """When it was kept."""
        ...

    @property
    def has_recording(self) -> bool:
        """Whether a recording came with it."""
        ...


def recording_url(runtime: Runtime, rental: Answered) -> str | None:
    """The address of the recording that answered a rental; None when there is none any more."""
    if rental.message_id is None or rental.message_kept_at_ms is None or not rental.has_recording:
        return None
    return recording_of_message(runtime, rental.message_id, rental.message_kept_at_ms)


def recording_of_message(runtime: Runtime, message_id: int, kept_at_ms: int) -> str | None:
    """The address of the recording that came with a message; None when it is erased by now.

    The address works as long as the recording is kept, and is the same each time it is asked for.
    """
    return recording_urls(runtime)(message_id, kept_at_ms)


def recording_urls(runtime: Runtime) -> Callable[[int, int], str | None]:
    """What makes the addresses of recordings of a server; it can be handed to another process."""
    keep_s = runtime.settings.retention.texts_hours * 3600
    return partial(_url, runtime.recording_key, runtime.base_url, keep_s, runtime.clock)


def _url(
    key: bytes, base_url: str, keep_s: int, clock: Clock, message_id: int, kept_at_ms: int
) -> str | None:
    expires_s = kept_at_ms // 1000 + keep_s
    if clock.now_ms() // 1000 >= expires_s:
        return None
    return f"{base_url}{PATH}{sign_reference(key, _WHAT, message_id, expires_s)}.wav"


async def recording_at(runtime: Runtime, path: str) -> bytes | None:
    """The WAV file at an address; None when it is forged, expired, or the file is gone."""
    text = path.removeprefix(PATH).removesuffix(".wav")
    now_s = runtime.clock.now_ms() // 1000
    message_id = read_reference(runtime.recording_key, _WHAT, text, now_s)
    if message_id is None:
        return None
    return await runtime.db.read(browse.recording, message_id)
