"""The settings: one tree, parsed once at the start by `simlet.load_config`."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from simlet.config_values import (
    SQLITE,
    DatabaseKind,
    DatabaseUrl,
    Folder,
    Listen,
    Network,
    Port,
    PublicUrl,
    Token,
    parse_database_url,
    parse_listen,
)


class DatabaseSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[database]`: how the store works."""

    readers: Annotated[int, Meta(ge=1, le=64)] = 4
    pool_size: Annotated[int, Meta(ge=1, le=1000)] = 8
    group_limit: Annotated[int, Meta(ge=1, le=10000)] = 256
    busy_timeout_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0


class WebSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[web]`: limits of the HTTP server."""

    processes: Annotated[int, Meta(ge=0, le=64)] = 0
    body_limit_bytes: Annotated[int, Meta(ge=1024, le=67108864)] = 4194304
    shutdown_grace_s: Annotated[float, Meta(ge=0, le=9)] = 8.0
    metrics_token: Token = ""


class RetentionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[retention]`: how long what is personal is kept."""

    texts_hours: Annotated[int, Meta(ge=1, le=8760)] = 24
    callbacks_days: Annotated[int, Meta(ge=1, le=365)] = 7


class CallbackSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[callbacks]`: how dealers' servers are called, and which may be reached."""

    timeout_s: Annotated[float, Meta(ge=0.1, le=60)] = 5.0
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 128
    ports: Annotated[tuple[Port, ...], Meta(min_length=1)] = (80, 443, 8080, 8443)
    private_networks: tuple[Network, ...] = ()


class ExpirySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[expiry]`: how closely deadlines are watched."""

    tick_s: Annotated[float, Meta(ge=0.01, le=0.5)] = 0.25


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[log]`: what is logged, in which form."""

    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    format: Literal["json", "console"] = "json"


class RecordingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[recordings]`: limits of recorded calls."""

    size_limit_bytes: Annotated[int, Meta(ge=1024, le=16777216)] = 2097152


class PartSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[parts]`: messages that come in parts."""

    patience_s: Annotated[float, Meta(ge=1, le=86400)] = 30.0


class SpoolSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[spool]`: where messages wait that the database cannot take."""

    folder: Folder = ""
    limit_mb: Annotated[int, Meta(ge=0, le=65536)] = 64
    after_s: Annotated[float, Meta(ge=0.1, le=60)] = 5.0


class LineSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[lines]`: when lines leave the pool, and for how long."""

    fails_before_rest: Annotated[int, Meta(ge=1, le=1000)] = 5
    rest_s: Annotated[int, Meta(ge=1, le=604800)] = 600
    longest_rest_s: Annotated[int, Meta(ge=1, le=2592000)] = 86400
    gateway_grace_s: Annotated[int, Meta(ge=0, le=86400)] = 30


class V1Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[v1]`: limits of `/v1`."""

    calls_per_s: Annotated[float, Meta(ge=0.1, le=100000)] = 50.0
    burst: Annotated[int, Meta(ge=1, le=1000000)] = 100
    heartbeat_s: Annotated[float, Meta(ge=0.1, le=300)] = 15.0
    open_per_account: Annotated[int, Meta(ge=1, le=1000000)] = 1000


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting; `defaults.toml` tells what each one means. Made by `load_config`."""

    listen: Listen = "127.0.0.1:8080"
    database_url: DatabaseUrl = "sqlite:///simlet.db"
    public_url: PublicUrl = ""
    database: DatabaseSettings = DatabaseSettings()
    web: WebSettings = WebSettings()
    retention: RetentionSettings = RetentionSettings()
    callbacks: CallbackSettings = CallbackSettings()
    expiry: ExpirySettings = ExpirySettings()
    log: LogSettings = LogSettings()
    recordings: RecordingSettings = RecordingSettings()
    parts: PartSettings = PartSettings()
    spool: SpoolSettings = SpoolSettings()
    lines: LineSettings = LineSettings()
    v1: V1Settings = V1Settings()

    @property
    def host(self) -> str:
        """The host of `listen`, an IPv6 address without its brackets."""
        return parse_listen(self.listen)[0]

    @property
    def port(self) -> int:
        """The port of `listen`; 0 lets the system pick one."""
        return parse_listen(self.listen)[1]

    @property
    def database_kind(self) -> DatabaseKind:
        """Which of the two databases `database_url` names."""
        return parse_database_url(self.database_url)

    @property
    def spool_folder(self) -> Path:
        """The folder of the spool."""
        if self.spool.folder:
            return Path(self.spool.folder)
        if self.database_kind == "sqlite":
            file = Path(self.database_url.removeprefix(SQLITE))
            return file.with_name(file.name + "-spool")
        return Path("simlet-spool")

    def recording_base(self, bound_port: int | None = None) -> str:
        """What the addresses of recordings begin with, without a closing slash.

        Args:
            bound_port: the port that the server got, where `listen` asks for port 0.
        """
        if self.public_url:
            return self.public_url
        host = _reachable(self.host)
        bracketed = f"[{host}]" if ":" in host else host
        return f"http://{bracketed}:{self.port if bound_port is None else bound_port}"


def _reachable(host: str) -> str:
    """Nobody can call the address that means "every interface"; the loopback one stands for it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"
