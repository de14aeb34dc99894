"""Where to connect and as whom: options, environment, profile, prompt, in this order."""

from __future__ import annotations

import functools
import os
import stat
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zenoo_fast.exceptions import ConfigurationError

if TYPE_CHECKING:
    from zenoo_fast.client import ZenooClient

PROFILE_FILE = "zenoo-fast.toml"
PREFIX = "ZENOO_FAST_"
_NAMES = ("url", "database", "login", "password", "api_key", "transport", "verify_ssl", "ca_file")


@dataclass(frozen=True, slots=True)
class Settings:
    """A server and a user.

    Attributes:
        url: Scheme, host and port.
        database: Database name.
        login: User's login.
        password: Password.
        api_key: API key; wins over the password.
        transport: ``auto``, ``json2``, ``jsonrpc`` or a plugin's name.
        verify_ssl: Check the server's certificate.
        ca_file: PEM file of a private certificate authority.
    """

    url: str
    database: str
    login: str
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    transport: str = "auto"
    verify_ssl: bool = True
    ca_file: str | None = None

    async def connect(self) -> ZenooClient:
        """A logged-in client; the caller closes it.

        Raises:
            ZenooError: The server cannot be reached, or refuses the log-in.
        """
        from zenoo_fast.client import ZenooClient

        client = ZenooClient(self.url, transport=self.transport, verify_ssl=self.verify_ssl, ca_file=self.ca_file)
        try:
            if self.api_key:
                await client.login_with_api_key(self.database, self.login, self.api_key)
            else:
                await client.login(self.database, self.login, self.password)
        except BaseException:
            await client.close()
            raise
        return client


def connection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the connection's options to a command; it gets them as ``settings``."""

    @click.option("--url", help="Server, such as https://odoo.example.com.  [env: ZENOO_FAST_URL]")
    @click.option("--database", help="Database name.  [env: ZENOO_FAST_DATABASE]")
    @click.option("--login", help="User's login.  [env: ZENOO_FAST_LOGIN]")
    @click.option(
        "--api-key-file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="File that holds the API key.  [env for the key itself: ZENOO_FAST_API_KEY]",
    )
    @click.option("--transport", help="auto (default), json2, jsonrpc, or a plugin's name.")
    @click.option("--profile", help=f"Section of {PROFILE_FILE} (here or in the home folder's .config).")
    @functools.wraps(command)
    def wrapper(
        url: str | None,
        database: str | None,
        login: str | None,
        api_key_file: Path | None,
        transport: str | None,
        profile: str | None,
        **others: Any,
    ) -> Any:
        given = {"url": url, "database": database, "login": login, "transport": transport}
        if api_key_file is not None:
            given["api_key"] = _secret_from(api_key_file)
        return command(settings=resolve(given, profile), **others)

    return wrapper


def resolve(given: Mapping[str, str | None], profile: str | None) -> Settings:
    """Settings from options, then the environment, then the profile; a missing password is asked for on a terminal.

    Raises:
        ConfigurationError: Something is missing, or the profile is not there.
    """
    stored = _profile(profile)
    found: dict[str, Any] = {}
    for name in _NAMES:
        value = given.get(name) or os.environ.get(PREFIX + name.upper()) or stored.get(name)
        if value is not None and value != "":
            found[name] = value
    for name in ("url", "database", "login"):
        if name not in found:
            raise ConfigurationError(
                f"no {name}: give --{name}, set {PREFIX}{name.upper()}, or write it into {PROFILE_FILE}"
            )
    if "password" not in found and "api_key" not in found:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ConfigurationError(
                f"no password or API key: set {PREFIX}API_KEY or {PREFIX}PASSWORD, or give --api-key-file"
            )
        found["password"] = click.prompt(f"Password of {found['login']}", hide_input=True, err=True)
    if isinstance(found.get("verify_ssl"), str):
        found["verify_ssl"] = found["verify_ssl"].lower() not in {"0", "false", "no"}
    return Settings(**found)


def _profile(name: str | None) -> Mapping[str, Any]:
    places = [Path(PROFILE_FILE), Path.home() / ".config" / PROFILE_FILE]
    path = next((one for one in places if one.is_file()), None)
    if path is None:
        if name is not None:
            raise ConfigurationError(f"profile {name}: there is no {PROFILE_FILE} here or in {places[1].parent}")
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    section = content.get(name or "default", None)
    if section is None:
        if name is None:
            return {}
        raise ConfigurationError(f"{path}: no profile [{name}]; there are {', '.join(content) or 'none'}")
    if not isinstance(section, dict):
        raise ConfigurationError(f"{path}: [{name or 'default'}] is not a section")
    unknown = set(section) - set(_NAMES)
    if unknown:
        raise ConfigurationError(f"{path}: unknown setting {min(unknown)!r}; there are {', '.join(_NAMES)}")
    if {"password", "api_key"} & set(section):
        _warn_if_open(path)
    return section


def _secret_from(path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigurationError(f"{path}: {reason}") from error
    if not secret or "\n" in secret:
        raise ConfigurationError(f"{path}: it should hold the API key, on one line")
    _warn_if_open(path)
    return secret


def _warn_if_open(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        click.echo(f"zenoo-fast: warning: {path} holds a secret and others may read it: chmod 600 {path}", err=True)
