"""The deployment's own settings, read once from ``OPSCOM_*`` and passed on; settings of a customer live in its schema."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import DirectoryPath, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tenants.domains.servers import server_address
from tenants.outgoing.records import MailRules
from tenants.relay import Relay


class Settings(BaseSettings):
    """One deployment. Every field is an environment variable with the prefix ``OPSCOM_`` (lists as JSON).

    ``database_url`` is the provisioner's for ``opscom migrate``; every other process takes only the address out of it and
    uses the logins made by the provisioner, whose passwords follow from ``secret_keys``.
    """

    model_config = SettingsConfigDict(env_prefix="OPSCOM_", frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr
    cell_urls: dict[str, SecretStr] = Field(
        default={},
        description="By cell that lies elsewhere, its provisioner's URL: for `opscom migrate` and `cell add`.",
    )
    redis_url: str
    secret_keys: SecretStr = Field(description="Comma list of `name:base64 of 32 bytes`; the first one seals.")

    host: str = "127.0.0.1"
    port: int = 8000
    internal_host: str = "127.0.0.1"
    internal_port: int = 9000
    jobs_port: int | None = Field(
        default=None, description="Where this worker or dispatcher answers for its health; nowhere if not given."
    )
    scheme: str = "http"
    public_port: int | None = Field(default=None, description="Port in links, where it differs from `port`.")
    base_domain: str = "ops-com.localhost"
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    egress_allow: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(), description="Private networks that third parties may live in; everything else private is refused."
    )
    public_addresses: tuple[IPv4Address | IPv6Address, ...] = Field(
        default=(), description="The edge's own, for clients whose whole domain leads here; empty: those in the DNS."
    )
    dns_servers: tuple[str, ...] = Field(
        default=(),
        description="Who is asked about clients' domains: `address` or `address:port`; empty: the machine's.",
    )
    certificate_authorities: tuple[str, ...] = Field(
        default=("letsencrypt.org",),
        description="What CAA records call whoever issues certificates for clients' domains.",
    )
    namespace: str = Field(default="opscom", description="Prefix of every Redis key and channel.")

    map_file: Path | None = Field(
        default=None, description="Where the gateway keeps its last good map of hosts; its folder must exist."
    )
    backup_storage: str = Field(
        default="", description="Where backups lie: `file:///folder` or `s3://bucket/prefix`; empty: none are made."
    )

    smtp_url: SecretStr | None = Field(
        default=None, description="`smtp://user:password@host:587` (STARTTLS) or `smtps://…`; without it mail is kept."
    )
    mail_from: str = Field(default="", description="Sender of all mail; `no-reply@` the base domain if not given.")
    mail_spf: tuple[str, ...] = Field(
        default=(), description="SPF mechanisms that name the servers which send for us, such as `include:mailgun.org`."
    )
    mail_dkim: dict[str, str] = Field(
        default={},
        description="By selector the public key (`v=DKIM1; k=rsa; p=…`), or the host name under which it is published.",
    )
    outgoing_addresses: dict[Literal["live", "test"], tuple[IPv4Address | IPv6Address, ...]] = Field(
        default={}, description="By group of environments, the addresses that our traffic to third parties comes from."
    )

    pool_size: int = 10
    prepare_statements: bool = Field(
        default=True, description="Off behind a transaction pooler older than PgBouncer 1.21."
    )
    statement_timeout_ms: int = 15_000
    lock_timeout_ms: int = 5_000
    lease_s: float = Field(
        default=30, gt=0, description="Seconds after which the run of a silent worker goes to another one."
    )
    grace_s: float = Field(
        default=10,
        ge=0,
        description="Seconds that a worker, asked to end, lets its runs finish before they go to others.",
    )
    introspection: bool = True
    suggestions: bool = Field(default=True, description="Whether errors propose names of fields that exist.")
    ci_secret: SecretStr | None = Field(
        default=None, description="Whoever sends it in `X-OPSCOM-CI` may introspect and send documents of its own."
    )
    manifests: DirectoryPath | None = Field(
        default=None, description="Folder of published documents: `portal*.json`, `admin*.json`, `ops*.json`."
    )
    free_form: dict[Literal["portal", "admin", "ops"], Literal["everybody", "known", "permitted", "nobody"]] = Field(
        default={}, description="By API, who may send documents that are not published; everybody unless said."
    )

    @field_validator("dns_servers")
    @classmethod
    def _check_servers(cls, servers: tuple[str, ...]) -> tuple[str, ...]:
        for server in servers:
            server_address(server)
        return servers

    @field_validator("smtp_url")
    @classmethod
    def _check_relay(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            Relay.parse(url.get_secret_value())
        return url

    @property
    def relay(self) -> Relay | None:
        """The SMTP server, if there is one."""
        return Relay.parse(self.smtp_url.get_secret_value()) if self.smtp_url else None

    @property
    def sender(self) -> str:
        """The address that all mail comes from."""
        return self.mail_from or f"no-reply@{self.base_domain}"

    @property
    def mail_rules(self) -> MailRules:
        """Who sends for the platform, as receivers of mail want to know it."""
        return MailRules(self.mail_spf, self.mail_dkim)

    def site_of(self, host: str) -> str:
        """The origin of a host of ours, as links have it."""
        return f"{self.scheme}://{host}{self.link_port}"

    @property
    def link_port(self) -> str:
        """The port as it stands in links: empty for the scheme's own."""
        port = self.public_port or self.port
        return "" if (self.scheme, port) in {("http", 80), ("https", 443)} else f":{port}"
