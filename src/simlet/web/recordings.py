"""The addresses of recordings: signed, expiring, without a number in them."""

from simlet.domain.signing import read_reference, sign_reference
from simlet.flows import browse
from simlet.runtime import Runtime
from simlet.store.rentals import RentalView

PATH = "/recordings/"
_WHAT = "recording"


def recording_url(runtime: Runtime, rental: RentalView) -> str | None:
    """The address of the recording that answered a rental; None when there is none any more.

    The address works as long as the recording is kept, and is the same each time it is asked for.
    """
    if rental.message_id is None or rental.message_kept_at_ms is None or not rental.has_recording:
        return None
    keep_s = runtime.settings.retention.texts_hours * 3600
    expires_s = rental.message_kept_at_ms // 1000 + keep_s
    if runtime.clock.now_ms() // 1000 >= expires_s:
        return None
    reference = sign_reference(runtime.recording_key, _WHAT, rental.message_id, expires_s)
    return f"{runtime.base_url}{PATH}{reference}.wav"


async def recording_at(runtime: Runtime, path: str) -> bytes | None:
    """The WAV file at an address; None when it is forged, expired, or the file is gone."""
    text = path.removeprefix(PATH).removesuffix(".wav")
    now_s = runtime.clock.now_ms() // 1000
    message_id = read_reference(runtime.recording_key, _WHAT, text, now_s)
    if message_id is None:
        return None
    return await runtime.db.read(browse.recording, message_id)
