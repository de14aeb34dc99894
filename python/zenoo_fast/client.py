"""`ZenooClient`: log in, call methods, create, read, write and delete records; the way to batches and transactions."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeGuard, overload
from urllib.parse import urlsplit

from zenoo_fast.engine.observe import finish_before_cancel, observer_of
from zenoo_fast.engine.outcome import Outcome, OutcomeKind, ServerError
from zenoo_fast.exceptions import (
    AccessError,
    AuthenticationError,
    ConfigurationError,
    ConnectionError,  # noqa: A004 - the public contract's name
    InternalError,
    MethodNotFoundError,
    RequestTimeoutError,
    ValidationError,
    ZenooError,
)
from zenoo_fast.plugins import manager as plugins
from zenoo_fast.transports.base import Call, Connection, LogsIn, Positional, Transport, TransportSpec
from zenoo_fast.transports.classify import UNREADABLE
from zenoo_fast.transports.json2 import Json2Transport
from zenoo_fast.transports.jsonrpc import JsonRpcTransport
from zenoo_fast.transports.secret import Secret

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from zenoo_fast.batch.manager import BatchContext, BatchManager
    from zenoo_fast.transaction.manager import TransactionManager
    from zenoo_fast.transaction.transaction import Transaction

_JSON2_SINCE = 19

_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "create": ("vals_list",),
    "write": ("ids", "vals"),
    "unlink": ("ids",),
    "read": ("ids", "fields", "load"),
    "copy": ("ids", "default"),
    "search": ("domain", "offset", "limit", "order"),
    "search_count": ("domain", "limit"),
    "search_read": ("domain", "fields", "offset", "limit", "order"),
    "fields_get": ("allfields", "attributes"),
    "default_get": ("fields",),
    "load": ("fields", "data"),
    "web_save_multi": ("ids", "vals_list", "specification"),
    "name_search": ("name", "domain", "operator", "limit"),
    "name_create": ("name",),
    "read_group": ("domain", "fields", "groupby", "offset", "limit", "orderby", "lazy"),
    "check_access_rights": ("operation", "raise_exception"),
    "has_access": ("ids", "operation"),
    "exists": ("ids",),
}
"""The ORM's public methods' parameters in Odoo 19, ``ids`` first where they work on records."""


class ZenooClient:
    """A client of one Odoo server.

    Args:
        host_or_url: ``"localhost"``, ``"odoo.example.com:8069"`` or ``"https://odoo.example.com"``.
        port: Overrides the URL's; 8069 for http, 443 for https without.
        protocol: ``"http"`` or ``"https"``; overrides the URL's.
        timeout: Seconds a call of `execute_kw` may take. Batches and imports have limits of their own.
        verify_ssl: Check the server's certificate.
        transport: ``"json2"``, ``"jsonrpc"``, a plugin's, or ``"auto"``: json2 with an API key on Odoo 19 and later.
        ca_file: PEM file of a private certificate authority.

    Raises:
        ConfigurationError: That is no address or no transport.

    Examples:
        >>> async with ZenooClient("https://odoo.example.com") as client:
        ...     await client.login_with_api_key("production", "admin", key)
        ...     ids = await client.create("res.partner", [{"name": "Ada"}])
    """

    def __init__(
        self,
        host_or_url: str,
        port: int | None = None,
        protocol: str | None = None,
        timeout: float = 30.0,
        verify_ssl: bool = True,
        transport: str = "auto",
        *,
        ca_file: str | None = None,
    ) -> None:
        if transport != "auto":
            plugins.get("transport", transport)
        self.protocol, self.host, self.port = _address(host_or_url, port, protocol)
        self.timeout = timeout
        self._wanted = transport
        host = f"[{self.host}]" if ":" in self.host else self.host
        url = f"{self.protocol}://{host}:{self.port}"
        self._connection = Connection(url=url, verify_ssl=verify_ssl, ca_file=ca_file)
        self._transport: Transport | None = None
        self._name = "jsonrpc"
        self._positional: JsonRpcTransport | None = None
        self._server_version: dict[str, Any] | None = None
        self._fields: dict[str, dict[str, dict[str, Any]]] = {}
        self.batch_manager: BatchManager | None = None
        self.transaction_manager: TransactionManager | None = None

    @classmethod
    def from_zenoo_rpc(
        cls, client: Any, *, timeout: float = 30.0, verify_ssl: bool = True, ca_file: str | None = None
    ) -> Self:
        """A client of the same server, database and user as a zenoo-rpc client that is logged in with a password.

        Both may be used from then on; closing one does not close the other.

        Args:
            client: zenoo-rpc's ``ZenooClient``.
            timeout: Seconds a call of `execute_kw` may take.
            verify_ssl: Check the server's certificate.
            ca_file: PEM file of a private certificate authority.

        Raises:
            AuthenticationError: It is not logged in, or with an API key (which it does not keep).
        """
        session = getattr(client, "_session", None)
        if session is None or not getattr(session, "uid", None) or not getattr(session, "password", None):
            raise AuthenticationError(
                "the zenoo-rpc client is not logged in with a password: log in with login() or login_with_api_key()"
            )
        found = cls(client.host, client.port, client.protocol, timeout=timeout, verify_ssl=verify_ssl, ca_file=ca_file)
        found._connection = dataclasses.replace(
            found._connection,
            database=session.database,
            login=session.username,
            secret=session.password,
            uid=session.uid,
        )
        found._set_transport("jsonrpc")
        return found

    def __repr__(self) -> str:
        who = f" {self.username!r} in {self.database!r}" if self.is_authenticated else ""
        return f"<ZenooClient {self._connection.url}{who}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Log out of this object: connections are closed. Idempotent."""
        for transport in (self._transport, self._positional):
            if transport is not None:
                await transport.close()
        self._transport = self._positional = None

    @property
    def is_authenticated(self) -> bool:
        """Logged in, and not closed since."""
        return self._transport is not None

    @property
    def database(self) -> str | None:
        """Name of the database logged in to."""
        return self._connection.database or None

    @property
    def uid(self) -> int | None:
        """Database id of the user logged in."""
        return self._connection.uid

    @property
    def username(self) -> str | None:
        """Login of the user."""
        return self._connection.login or None

    @property
    def server_version(self) -> dict[str, Any] | None:
        """What the server says of itself (``server_version``, ``server_version_info`` …); known after the log-in."""
        return self._server_version

    @property
    def connection(self) -> Connection:
        """Where and as whom; its repr shows no secret."""
        return self._connection

    @property
    def transport(self) -> Transport:
        """How this client's calls travel.

        Raises:
            AuthenticationError: Not logged in.
        """
        return self._logged_in()

    def transport_spec(self) -> TransportSpec:
        """What a worker process builds its own transport from.

        Raises:
            AuthenticationError: Not logged in.
        """
        self._logged_in()
        return TransportSpec(plugins.get("transport", self._name).spec(), self._connection)

    def _set_transport(self, name: str) -> None:
        self._name = name
        self._transport = plugins.get("transport", name).make(self._connection)

    def _logged_in(self) -> Transport:
        if self._transport is None:
            raise AuthenticationError("Not logged in: call login() or login_with_api_key() first")
        return self._transport

    async def login(self, database: str, username: str, password: str) -> None:
        """Log in with a password.

        Raises:
            AuthenticationError: Wrong database, login or password.
            ConnectionError: There is no Odoo at the address.
        """
        secret = Secret(password)
        del password  # a traceback may show a frame's variables
        await self._log_in(database, username, secret, is_api_key=False)

    async def login_with_api_key(self, database: str, username: str, api_key: str) -> None:
        """Log in with an API key.

        Raises:
            AuthenticationError: Wrong database, login or key.
            ConnectionError: There is no Odoo at the address.
        """
        secret = Secret(api_key)
        del api_key
        await self._log_in(database, username, secret, is_api_key=True)

    async def _log_in(self, database: str, username: str, secret: Secret, *, is_api_key: bool) -> None:
        if self._wanted == "json2" and not is_api_key:
            raise ConfigurationError("transport 'json2' needs an API key: set one, or call login_with_api_key()")
        kind = "API key" if is_api_key else "password"
        if not secret.can_be_sent():
            raise ConfigurationError(f"the {kind} is empty or holds characters that cannot be sent")
        await self.close()
        self._fields.clear()
        self._connection = dataclasses.replace(
            self._connection, database=database, login="", secret="", uid=None, is_api_key=False
        )
        version = await self.get_server_version()
        where = self._connection.url
        name: str = self._wanted
        if name == "auto":
            name = "json2" if is_api_key and _major(version) >= _JSON2_SINCE else "jsonrpc"
        try:
            ask = self._uid_of_key if name == "json2" else self._uid_of
            uid = await ask(database, username, secret)
        except (ValidationError, InternalError) as error:
            raise AuthenticationError(_no_database(database, where, error), {"name": error.context["name"]}) from None
        if isinstance(uid, bool) or not isinstance(uid, int):
            raise AuthenticationError(
                f"{where}: wrong database, login or {kind}: database {database!r}, login {username!r}"
            )
        self._connection = dataclasses.replace(
            self._connection, login=username, secret=secret.reveal(), uid=uid, is_api_key=is_api_key
        )
        self._set_transport(name)

    async def _uid_of(self, database: str, username: str, secret: Secret) -> Any:
        return await self._common("login", database, username, secret)

    async def _uid_of_key(self, database: str, username: str, secret: Secret) -> Any:
        """Whose key it is, where that is `username`'s.

        A ``login`` tries the key as a password first: 0.7 s of the server's time, for a hash of 600,000 rounds.
        """
        connection = dataclasses.replace(
            self._connection, database=database, secret=secret.reveal(), timeout=self.timeout
        )
        own = Json2Transport(connection)
        try:
            context = await self._asked(own, Call("res.users", "context_get"))
            uid = context.get("uid") if isinstance(context, dict) else None
            if not isinstance(uid, int):
                return None
            users = await self._asked(own, Call("res.users", "read", {"ids": [uid], "fields": ["login"]}))
            return uid if users and users[0].get("login") == username else None
        except AuthenticationError:
            return None
        finally:
            await own.close()

    async def _asked(self, own: Json2Transport, call: Call) -> Any:
        where = self._connection.url
        outcome = await own.call(call)
        error = outcome.error
        if error is not None and error.name == "http.404":
            # An Odoo has told its version: it has no such database, or is too old for this protocol.
            raise ValidationError(error.message, {"name": error.name})
        return result_of(outcome, where)

    async def _common(self, method: str, *arguments: str | Secret) -> Any:
        connection = dataclasses.replace(self._connection, timeout=self.timeout)
        public: LogsIn = JsonRpcTransport(connection)
        if self._wanted not in ("auto", "json2"):
            own = plugins.get("transport", self._wanted).make(connection)
            public = own if isinstance(own, LogsIn) else public
        try:
            outcome = await public.common(method, [one if isinstance(one, str) else one.reveal() for one in arguments])
        finally:
            await public.close()
        error = outcome.error
        if error is not None and error.name == "http.404":
            message = f"{self._connection.url} answers with {error.message}: wrong URL, or no database"
            raise ConnectionError(f"{message} {self.database!r}" if self.database else message)
        return result_of(outcome, self._connection.url)

    async def get_server_version(self) -> dict[str, Any]:
        """Ask the server for its version; nobody need be logged in.

        Raises:
            ConnectionError: There is no Odoo at the address.
        """
        answer = await self._common("version")
        if not isinstance(answer, dict):
            raise ConnectionError(f"{self._connection.url} does not answer as Odoo does")
        self._server_version = answer
        return dict(answer)

    async def health_check(self) -> bool:
        """Whether an Odoo answers at the address."""
        try:
            await self.get_server_version()
        except ZenooError:
            return False
        return True

    async def execute_kw(
        self,
        model: str,
        method: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a method of a model.

        A method whose parameters' names are not known here travels over ``/jsonrpc`` when it has positional arguments.

        Args:
            model: Model name.
            method: Method name.
            args: Positional arguments; the record ids first where the method works on records.
            kwargs: Keyword arguments, ``context`` among them if you like.
            context: The call's context, merged over that of `kwargs`.

        Returns:
            What the method returned.

        Raises:
            ValidationError: Odoo refused the data.
            AccessError: The user has no right to do this.
            MethodNotFoundError: No such model or method.
            RequestTimeoutError: No answer in time; the server may have run the call.
            ConnectionError: No usable answer; unless it names a refused connection, the server may have run the call.
        """
        transport: Transport = self._logged_in()
        keywords = dict(kwargs or {})
        merged = {**(keywords.pop("context", None) or {}), **(context or {})}
        names = _PARAMETERS.get(method)
        if args and (names is None or len(args) > len(names)):
            transport, names = self._by_position(), tuple(f"{number}" for number in range(len(args)))
        arguments: dict[str, Any] = dict(zip(names or (), args, strict=False))
        clash = arguments.keys() & keywords
        if clash:
            raise ConfigurationError(f"{model}.{method}: {min(clash)!r} is given by position and by name")
        if isinstance(transport, Json2Transport):
            if method == "create" and isinstance(arguments.get("vals_list"), Mapping):
                arguments["vals_list"] = [arguments["vals_list"]]
                created = await self._send(transport, Call(model, method, arguments, merged, self.timeout), keywords)
                if not isinstance(created, list) or len(created) != 1:
                    raise self._no_odoo("create", created)
                return created[0]
            if names and names[0] == "ids" and isinstance(arguments.get("ids"), int):
                arguments["ids"] = [arguments["ids"]]
        return await self._send(transport, Call(model, method, arguments, merged, self.timeout), keywords)

    async def _send(self, transport: Transport, call: Call, keywords: Mapping[str, Any]) -> Any:
        if keywords:
            if isinstance(transport, Positional):
                outcome = await transport.call_with(call, keywords)
                return result_of(outcome, self._connection.url)
            call = dataclasses.replace(call, arguments={**call.arguments, **keywords})
        return result_of(await transport.call(call), self._connection.url)

    def _by_position(self) -> Transport:
        transport = self._logged_in()
        if isinstance(transport, Positional):
            return transport
        if self._positional is None:
            self._positional = JsonRpcTransport(self._connection)
        return self._positional

    async def search(
        self,
        model: str,
        domain: Sequence[Any],
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """Ids of the records that match; errors as `execute_kw`."""
        ids = await self.execute_kw(model, "search", [domain], _paging(offset, limit, order), context)
        if not _are_ids(ids):
            raise self._no_odoo("search", ids)
        return ids

    async def search_count(self, model: str, domain: Sequence[Any], context: Mapping[str, Any] | None = None) -> int:
        """Number of records that match; errors as `execute_kw`."""
        count = await self.execute_kw(model, "search_count", [domain], None, context)
        if type(count) is not int:
            raise self._no_odoo("search_count", count)
        return count

    async def search_read(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str] | None = None,
        limit: int | None = None,
        offset: int = 0,
        order: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Records that match, with the named fields or all; errors as `execute_kw`."""
        keywords = _paging(offset, limit, order)
        if fields is not None:
            keywords["fields"] = list(fields)
        records = await self.execute_kw(model, "search_read", [domain], keywords, context)
        if not _are_records(records):
            raise self._no_odoo("search_read", records)
        return records

    async def read(
        self,
        model: str,
        ids: int | Sequence[int],
        fields: Sequence[str] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Records by id, with the named fields or all; missing ids are left out; errors as `execute_kw`."""
        keywords = {} if fields is None else {"fields": list(fields)}
        records = await self.execute_kw(model, "read", [_ids(ids)], keywords, context)
        if not _are_records(records):
            raise self._no_odoo("read", records)
        return records

    @overload
    async def create(self, model: str, values: Mapping[str, Any], context: Mapping[str, Any] | None = None) -> int: ...
    @overload
    async def create(
        self, model: str, values: Sequence[Mapping[str, Any]], context: Mapping[str, Any] | None = None
    ) -> list[int]: ...
    async def create(
        self,
        model: str,
        values: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        context: Mapping[str, Any] | None = None,
    ) -> int | list[int]:
        """Create one record (a mapping: its id) or several (a sequence: their ids); errors as `execute_kw`."""
        observer = observer_of(self)

        async def create() -> int | list[int]:
            made = await self.execute_kw(model, "create", [values], None, context)
            ids = [made] if isinstance(values, Mapping) else made
            if not _are_ids(ids) or len(ids) != (1 if isinstance(values, Mapping) else len(values)):
                raise self._no_odoo("create", made)
            return ids[0] if isinstance(values, Mapping) else ids

        if observer is None:
            return await create()

        async def create_and_tell() -> int | list[int]:
            made = await create()
            observer.created(model, _ids(made), context)
            return made

        return await finish_before_cancel(create_and_tell())

    async def write(
        self,
        model: str,
        ids: int | Sequence[int],
        values: Mapping[str, Any],
        context: Mapping[str, Any] | None = None,
    ) -> bool:
        """Write the same values to records; errors as `execute_kw`."""
        records = _ids(ids)
        observer = observer_of(self)
        if observer is not None:
            await observer.before_update(model, {record: list(values) for record in records}, context)
        return bool(await self.execute_kw(model, "write", [records, values], None, context))

    async def unlink(self, model: str, ids: int | Sequence[int], context: Mapping[str, Any] | None = None) -> bool:
        """Delete records; errors as `execute_kw`."""
        records = _ids(ids)
        observer = observer_of(self)
        if observer is not None:
            await observer.before_delete(model, records, context)
        return bool(await self.execute_kw(model, "unlink", [records], None, context))

    def _no_odoo(self, method: str, answer: Any) -> ConnectionError:
        """The error where an answer is not what the method answers: what answers is no Odoo."""
        shown = f"{method} answered {answer!r:.80}"
        return ConnectionError(f"{self._connection.url} does not answer as Odoo does: {shown}")

    async def get_model_fields(self, model: str, context: Mapping[str, Any] | None = None) -> dict[str, dict[str, Any]]:
        """The model's fields by name, as ``fields_get`` describes them; asked once a model and context."""
        key = f"{model} {json.dumps(context or {}, sort_keys=True, default=str)}"
        if key not in self._fields:
            self._fields[key] = await self.execute_kw(model, "fields_get", [], None, context)
        return dict(self._fields[key])

    async def setup_batch_manager(
        self,
        max_chunk_size: int = 100,
        max_concurrency: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - each call's
        **options: Any,
    ) -> BatchManager:
        """Make a `BatchManager` and set it as `batch_manager`.

        Args:
            max_chunk_size: Records a call carries at most.
            max_concurrency: Calls in flight; 5 without.
            timeout: Seconds a call may take.
            **options: What else `BatchManager` takes. As in zenoo-rpc, ``max_concurrent_batches`` is another name of
                `max_concurrency`, and ``retry_failed_operations=False`` means no retries.
        """
        from zenoo_fast.batch.manager import BatchManager

        alias = options.pop("max_concurrent_batches", None)
        if max_concurrency is None:
            max_concurrency = 5 if alias is None else alias
        if options.pop("retry_failed_operations", True) is False:
            options["retry_attempts"] = 0
        self.batch_manager = BatchManager(self, max_chunk_size, max_concurrency, timeout, **options)
        return self.batch_manager

    async def setup_transaction_manager(self, **_options: Any) -> TransactionManager:
        """Make a `TransactionManager` and set it as `transaction_manager`; options of zenoo-rpc's are not needed."""
        from zenoo_fast.transaction.manager import TransactionManager

        self.transaction_manager = TransactionManager(self)
        return self.transaction_manager

    def batch(self) -> AbstractAsyncContextManager[BatchContext]:
        """A batch that is sent when the block ends: ``async with client.batch() as batch``."""
        if self.batch_manager is None:
            from zenoo_fast.batch.manager import BatchManager

            self.batch_manager = BatchManager(self)
        return self.batch_manager.batch()

    def transaction(
        self, transaction_id: str | None = None, auto_commit: bool = True
    ) -> AbstractAsyncContextManager[Transaction]:
        """What is done in the block is undone when it raises: ``async with client.transaction()``.

        Raises:
            TransactionSetupError: `setup_transaction_manager` was not called.
        """
        if self.transaction_manager is None:
            from zenoo_fast.transaction.exceptions import TransactionSetupError

            raise TransactionSetupError("Transaction manager not initialized. Call setup_transaction_manager() first.")
        return self.transaction_manager.transaction(transaction_id, auto_commit)


def result_of(outcome: Outcome, where: str = "the server") -> Any:
    """A committed call's result, or the exception that says what became of it.

    Raises:
        ZenooError: The call was not committed; Odoo's own message, its name, arguments and debug text in `context`.
    """
    if outcome.kind is OutcomeKind.COMMITTED:
        try:
            return outcome.value()
        except ValueError as error:
            raise ConnectionError(f"{where} does not answer as Odoo does (it may have run the call): {error}") from None
    assert outcome.error is not None
    raise _exception(outcome.kind, outcome.error, where)


_BY_NAME: Mapping[str, type[ZenooError]] = {
    "odoo.exceptions.AccessDenied": AuthenticationError,
    "odoo.http.SessionExpiredException": AuthenticationError,
    "werkzeug.exceptions.Unauthorized": AuthenticationError,
    "odoo.exceptions.AccessError": AccessError,
    "werkzeug.exceptions.Forbidden": AccessError,
    "werkzeug.exceptions.NotFound": MethodNotFoundError,
    "builtins.AttributeError": MethodNotFoundError,
    "builtins.KeyError": MethodNotFoundError,
    "builtins.ValueError": ValidationError,
    "builtins.TypeError": ValidationError,
    "werkzeug.exceptions.UnprocessableEntity": ValidationError,
}
_TIMEOUTS = ("TimeoutError", "ServerTimeoutError", "SocketTimeoutError", "ConnectionTimeoutError")
_NO_METHOD = re.compile(r"(object|model|method) .* (doesn't exist|does not exist)", re.IGNORECASE)


def _exception(kind: OutcomeKind, error: ServerError, where: str) -> ZenooError:
    facts = {"name": error.name, "arguments": list(error.arguments), "debug": error.debug}
    last = error.name.rpartition(".")[2]
    found = _BY_NAME.get(error.name)
    if found is None and error.name.startswith(("odoo.", "psycopg2.")):
        data = kind is OutcomeKind.REFUSED
        found = ValidationError if data and not error.name.startswith("psycopg2.errors.Ser") else InternalError
        if last == "UserError" and _NO_METHOD.search(error.message):
            found = MethodNotFoundError
    if found is not None:
        return found(error.message, facts)
    if last in _TIMEOUTS and kind is OutcomeKind.IN_DOUBT:
        return RequestTimeoutError(f"{where}: no answer in time; the server may have run the call", facts)
    if kind is OutcomeKind.REFUSED:
        return InternalError(error.message, facts)
    if error.name == UNREADABLE:
        message = f"{where} does not answer as Odoo does (it may have run the call): {error.message}"
    else:
        message = error.message if where in error.message else f"{where}: {error.message}"
    return ConnectionError(message, facts)


def _no_database(database: str, where: str, error: ZenooError) -> str:
    """Why the log-in found no database; PostgreSQL's own words tell strangers where its socket is."""
    if f'database "{database}" does not exist' in error.message:
        return f"database {database!r} does not exist on {where}"
    reason = "" if str(error.context["name"]).startswith("psycopg2.") else f": {error.message}"
    return f"database {database!r} cannot be opened on {where}{reason}"


def _address(host_or_url: str, port: int | None, protocol: str | None) -> tuple[str, str, int]:
    text = host_or_url if "://" in host_or_url else f"{protocol or 'http'}://{host_or_url}"
    try:
        parts = urlsplit(text)
        found = parts.port
    except ValueError as error:
        raise ConfigurationError(f"{host_or_url!r} is not an address: {error}") from None
    scheme = (protocol or parts.scheme).lower()
    if scheme not in ("http", "https") or not parts.hostname or parts.hostname != parts.hostname.strip():
        raise ConfigurationError("not an address: write a host name or http(s)://host[:port]")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("leave user and password out of the URL: call login()")
    if parts.path.strip("/") or parts.query:
        raise ConfigurationError(f"the address has no path: write {scheme}://{parts.netloc}")
    return scheme, parts.hostname, port or found or (443 if scheme == "https" else 8069)


def _major(version: Mapping[str, Any]) -> int:
    found = re.search(r"\d+", str(version.get("server_version", "")))
    return int(found.group()) if found else 0


def _ids(ids: int | Sequence[int]) -> list[int]:
    return [ids] if isinstance(ids, int) else list(ids)


def _are_ids(answer: Any) -> TypeGuard[list[int]]:
    return isinstance(answer, list) and all(type(one) is int and one > 0 for one in answer)


def _are_records(answer: Any) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(answer, list) and all(isinstance(one, dict) for one in answer)


def _paging(offset: int, limit: int | None, order: str | None) -> dict[str, Any]:
    paging = {"offset": offset or None, "limit": limit, "order": order}
    return {name: value for name, value in paging.items() if value is not None}
