"""Where tasks log in and as whom, in a form that travels to them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from zenoo_fast.client import ZenooClient
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.transports.secret import Secret

DEFAULT_VARIABLE = "ZENOO_FAST_API_KEY"


@dataclass(frozen=True, slots=True)
class Login:
    """A server and a user. Picklable; its repr shows no secret.

    The secret is best named, not carried: an environment variable is read by each task on its node. A `Secret` travels
    with the tasks, through Ray's object store.

    Attributes:
        url: ``scheme://host[:port]``, as every node of the cluster reaches it.
        database: Database name.
        login: User's login.
        api_key_variable: Environment variable that holds the API key; ``ZENOO_FAST_API_KEY`` where no secret is given
            in another way.
        password_variable: Environment variable that holds the password.
        api_key: The API key itself.
        password: The password itself.
        transport: ``"auto"``, ``"json2"``, ``"jsonrpc"`` or a plugin's.
        verify_ssl: Check the server's certificate.
        ca_file: PEM file of a private certificate authority, on every node.

    Raises:
        ConfigurationError: More than one secret, or one that is a plain text.
    """

    url: str
    database: str
    login: str
    api_key_variable: str = ""
    password_variable: str = ""
    api_key: Secret | None = None
    password: Secret | None = None
    transport: str = "auto"
    verify_ssl: bool = True
    ca_file: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would show a secret."""
        for name in ("api_key", "password"):
            given = getattr(self, name)
            if given is not None and not isinstance(given, Secret):
                object.__setattr__(self, name, None)  # a traceback may show this object
                raise ConfigurationError(f"{name} is a Secret, so that it is never shown: {name}=Secret(text)")
        given = (self.api_key_variable, self.password_variable, self.api_key, self.password)
        if sum(one is not None and one != "" for one in given) > 1:
            raise ConfigurationError("a login has one secret: an API key or a password, itself or its variable's name")

    async def connect(self) -> ZenooClient:
        """A logged-in client; the caller closes it.

        Raises:
            ConfigurationError: The variable is not set in this process.
            ZenooError: The server cannot be reached, or refuses the log-in.
        """
        client = ZenooClient(self.url, transport=self.transport, verify_ssl=self.verify_ssl, ca_file=self.ca_file)
        try:
            if self.password is not None or self.password_variable:
                secret = self.password or _of(self.password_variable)
                await client.login(self.database, self.login, secret.reveal())
            else:
                secret = self.api_key or _of(self.api_key_variable or DEFAULT_VARIABLE)
                await client.login_with_api_key(self.database, self.login, secret.reveal())
        except BaseException:
            await client.close()
            raise
        return client


def _of(variable: str) -> Secret:
    text = os.environ.get(variable, "")
    if not text:
        raise ConfigurationError(
            f"the environment variable {variable} is not set in the tasks: set it on every node, or with "
            'ray.init(runtime_env={"env_vars": …})'
        )
    return Secret(text)
