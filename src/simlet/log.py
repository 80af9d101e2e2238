"""The log: one line for each event, and nothing personal in it.

Callers name what happened and pass plain fields: `log.info("rental closed", rental=7)`. They pass
no number, code, text or secret. Should one slip in, most likely inside the message of an exception
of a driver, `mask` takes it out on the way: in strings only, so counts, ids and ports that are to
be read are passed as numbers.
"""

import contextlib
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from simlet.domain.masking import GONE, mask

_DEEPEST = 6


def configure_log(level: str, format: str, stream: TextIO) -> None:  # noqa: A002 - the setting's name
    """Sends simlet's lines and those of the standard library's loggers to one stream.

    Call it once in each process before anything is logged. Lines of libraries (uvicorn, asyncio,
    aiohttp, alembic) are written from warning upwards, as long as they bring no handlers of their
    own: start uvicorn with `log_config=None`. A stream that cannot be written to is ignored.

    Args:
        level: the least level of simlet's own lines: debug, info, warning, error or critical.
        format: "json" for one object a line, "console" for people.
        stream: where the lines go.

    Raises:
        KeyError: there is no such level or format.
    """
    renderers: dict[str, Processor] = {
        "json": structlog.processors.JSONRenderer(),
        "console": structlog.dev.ConsoleRenderer(
            colors=stream.isatty(),
            timestamp_key="time",
        ),
    }
    structlog.configure(
        processors=[
            _masked,
            _exception_rendered,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            _in_order,
            renderers[format],
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda name="": _Lines(stream, name),
        cache_logger_on_first_use=False,
    )
    _relay_standard_library()


def get_log(name: str) -> FilteringBoundLogger:
    """The logger of a module; `name` stands in its lines as `logger`.

    It may be made before `configure_log` is called: the set-up is looked up with each line.
    """
    log: FilteringBoundLogger = structlog.get_logger(name)
    return log


class _Lines:
    """Writes finished lines. A full disk or a closed pipe never fails what was being done."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self.name = name

    def msg(self, line: str) -> None:
        # One write a line, so that lines of several threads do not mix.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


class _Relay(logging.Handler):
    """Hands the records of the standard library's loggers to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event = record.getMessage()
        except Exception:  # noqa: BLE001 - arguments that do not fit the text, or cannot be shown
            event = _text(record.msg)
        level = min(record.levelno // 10 * 10, logging.CRITICAL)
        get_log(record.name).log(level, event, exc_info=record.exc_info)


def _relay_standard_library() -> None:
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _Relay)]:
        root.removeHandler(handler)
    root.addHandler(_Relay(logging.WARNING))
    root.setLevel(logging.WARNING)


def _masked(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    return {key: value if key == "exc_info" else _plain(value, 0) for key, value in fields.items()}


def _plain(value: object, depth: int) -> Any:
    """A value as JSON has it, every text in it masked, at any depth that is worth printing."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return mask(value)
    if depth >= _DEEPEST:
        return GONE
    if isinstance(value, Mapping):
        return {mask(_text(key)): _plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each, depth + 1) for each in value]
    return mask(_text(value))


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a line that cannot be written must not fail a request
        return f"<{type(value).__name__}>"


def _exception_rendered(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    error = _raised(fields.pop("exc_info", None))
    if error is not None:
        fields["exception"] = "\n".join(_rendered(error, set()))
    return fields


def _raised(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, tuple):
        exc_info = exc_info[1]
    elif exc_info and not isinstance(exc_info, BaseException):
        exc_info = sys.exc_info()[1]
    return exc_info if isinstance(exc_info, BaseException) else None


def _rendered(error: BaseException, seen: set[int]) -> Iterator[str]:
    """The lines of a traceback: what led to the error first, frames, masked messages.

    Frames hold files, lines of code and their numbers, and no values: they stay as they are.
    """
    for position, link in enumerate(_chain(error, seen)):
        if position:
            yield "which led to:"
        yield "Traceback (most recent call last):"
        yield from "".join(traceback.format_tb(link.__traceback__)).splitlines()
        kind = f"{type(link).__module__}.{type(link).__qualname__}"
        yield from mask(f"{kind}: {_text(link)}").splitlines()
        for note in getattr(link, "__notes__", ()):
            yield from mask(_text(note)).splitlines()
        for member in link.exceptions if isinstance(link, BaseExceptionGroup) else ():
            yield from (f"  | {line}" for line in _rendered(member, seen))


def _chain(error: BaseException, seen: set[int]) -> list[BaseException]:
    """The error behind all that led to it; each one once, as they may lead to each other."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain[::-1]


def _in_order(lines: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """What every line has comes first."""
    always = {name: fields.pop(name) for name in ("time", "level")}
    return {**always, "logger": lines.name, "event": fields.pop("event", ""), **fields}
