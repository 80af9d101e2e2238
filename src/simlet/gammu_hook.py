"""The hook of a Gammu SMSD: it tells simlet that a message came.

The daemon runs it for each message (`RunOnReceive`), with the message in the environment and the
IDs behind the other arguments. It waits for the hook, and never runs it again for that message.
So this is quick to start and needs nothing but Python: one file, which can be copied to another
machine. The exit status is 0 when simlet has kept the message.

Source: gammu-smsd 1.42, manual page gammu-smsd-run(7).
"""

import argparse
import fcntl
import http.client
import json
import os
import sys
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

TIMEOUT_S = 20.0
PENDING, REJECTED = ".json", ".rejected"
_MOST_PARTS = 255
_WILL_NEVER_DO = {400, 403, 422}
_LONGEST_ANSWER_BYTES = 500


class NotKeptError(Exception):
    """Simlet did not keep it; says why.

    Attributes:
        final: it will not be kept the next time either.
    """

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


def message_of(environment: Mapping[str, str], ids: list[str]) -> dict[str, Any] | None:
    """What the daemon tells of a message; None when it tells of none.

    Args:
        environment: the hook's, with the daemon's variables in it.
        ids: rows or files in which the daemon keeps the message.
    """
    count = _count(environment, "SMS_MESSAGES")
    # What names a message and says nothing of it ran through something that took its variables:
    # where simlet reads the daemon's database the name will do, and elsewhere it is refused aloud.
    if not count and not ids:
        return None
    now_ns = time.time_ns()
    return {
        "ids": [_clean(one) for one in ids],
        "key": f"{now_ns}-{os.getpid()}",
        "phone": _text(environment, "PHONE_ID") or "",
        "messages": [
            {
                "from": _text(environment, f"SMS_{number}_NUMBER") or "",
                "text": _text(environment, f"SMS_{number}_TEXT"),
            }
            for number in range(1, count + 1)
        ],
        "decoded": [
            _text(environment, f"DECODED_{number}_TEXT") or ""
            for number in range(1, _count(environment, "DECODED_PARTS") + 1)
        ],
        "came_at_ms": now_ns // 1_000_000,
    }


def post(address: str, secret: str, message: Mapping[str, Any]) -> None:
    """Posts one message, with its age in the place of the time of a clock that is not simlet's.

    Raises:
        NotKeptError: simlet cannot be reached, or does not keep it.
    """
    told = {name: value for name, value in message.items() if name != "came_at_ms"}
    told["age_ms"] = max(time.time_ns() // 1_000_000 - int(message["came_at_ms"]), 0)
    target = urllib.parse.urlsplit(address)
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    try:
        with closing(kind(target.netloc, timeout=TIMEOUT_S)) as connection:
            connection.request("POST", f"{target.path}/messages", json.dumps(told), headers)
            answer = connection.getresponse()
            body = answer.read(_LONGEST_ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise NotKeptError(f"simlet cannot be reached: {error}") from error
    if answer.status != 200:
        why = f"simlet answers {answer.status} {body.decode('utf-8', 'replace')}"
        raise NotKeptError(why, final=answer.status in _WILL_NEVER_DO)


def put_aside(folder: Path, message: Mapping[str, Any]) -> None:
    """Keeps a message on disk until it is posted; other users cannot read it.

    Raises:
        OSError: it is not on disk.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{message['key']}{PENDING}"
    partial = file.with_suffix(".part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(message, stream)
            stream.flush()
            os.fsync(stream.fileno())
        partial.rename(file)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def post_all(address: str, secret: str, folder: Path) -> None:
    """Posts what was put aside, the oldest first; what simlet rejects stays, under another name.

    Raises:
        NotKeptError: simlet cannot take it now; what is left is left in its order.
        OSError: the folder cannot be used.
    """
    with _alone_in(folder):
        for file in sorted(folder.glob(f"*{PENDING}")):
            try:
                post(address, secret, _put_aside_in(file))
            except NotKeptError as failure:
                if not failure.final:
                    raise
                file.rename(file.with_suffix(REJECTED))
                _say(f"{file.with_suffix(REJECTED)}: {failure}")
            else:
                file.unlink()


def main(arguments: list[str] | None = None) -> int:
    """The console script `simlet-gammu`.

    Args:
        arguments: None for those of the process.

    Returns:
        The exit status: 0 when all is kept.
    """
    options = _parser().parse_args(arguments)
    message = message_of(os.environ, options.ids)
    if options.spool is not None and message is not None:
        # Before all else: nothing that fails behind it loses the message.
        message = _left_after_putting_aside(options.spool, message)
    try:
        secret = options.secret_file.read_text("utf-8").strip()
        if message is not None:
            post(options.address, secret, message)
        if options.spool is not None:
            post_all(options.address, secret, options.spool)
    except (NotKeptError, OSError) as failure:
        _say(f"{failure}")
        return 1
    return 0


def _left_after_putting_aside(folder: Path, message: dict[str, Any]) -> dict[str, Any] | None:
    """None for a message that is on disk; else the message, which is to be posted by itself."""
    try:
        put_aside(folder, message)
    except OSError as failure:
        _say(f"not put aside: {failure}")
        return message
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="simlet-gammu", description="The hook of a Gammu SMSD: tells simlet of a message."
    )
    parser.add_argument("--address", required=True, type=_address, help="…/gateways/NAME of simlet")
    parser.add_argument("--secret-file", required=True, type=Path, help="holds the secret")
    parser.add_argument(
        "--spool", type=Path, help="keep messages in this directory until simlet has them"
    )
    parser.add_argument("ids", nargs="*", help="put there by gammu-smsd")
    return parser


def _address(text: str) -> str:
    target = urllib.parse.urlsplit(text)
    if target.scheme not in {"http", "https"} or not target.hostname:
        raise argparse.ArgumentTypeError("expected http://… or https://…")
    return text.rstrip("/")


def _count(environment: Mapping[str, str], name: str) -> int:
    digits = environment.get(name, "")
    return min(int(digits), _MOST_PARTS) if digits.isdecimal() else 0


def _text(environment: Mapping[str, str], name: str) -> str | None:
    """A variable without what is no UTF-8 in it: JSON could not hold that."""
    value = environment.get(name)
    return None if value is None else _clean(value)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _put_aside_in(file: Path) -> dict[str, Any]:
    try:
        message: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise NotKeptError("it is damaged", final=True) from error
    return message


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Waits until no other hook works in the folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _say(what: str) -> None:
    # The daemon closes what it does not need, and writes the rest into its log.
    if sys.stderr is not None:
        sys.stderr.write(f"simlet-gammu: {what}\n")


if __name__ == "__main__":
    sys.exit(main())
