"""The sandbox's HTTP side: /json/2, /jsonrpc, /xmlrpc/2 and the few pages a client asks for."""

from __future__ import annotations

import asyncio
import inspect
import json
import secrets
from typing import TYPE_CHECKING, Any

from aiohttp import web

from zenoo_fast.sandbox import xmlrpc
from zenoo_fast.sandbox.errors import OdooError
from zenoo_fast.sandbox.faults import Faults
from zenoo_fast.sandbox.methods import Methods
from zenoo_fast.sandbox.schema import models
from zenoo_fast.sandbox.store import Store

try:
    from orjson import loads as fast_loads  # its errors read differently, so only where nothing is compared with Odoo
except ImportError:
    from json import loads as fast_loads  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from zenoo_fast.sandbox.faults import Fault

DISCARDED = frozenset({"create", "load", "write", "unlink"})
"""What a discarding sandbox answers without doing it; questions are answered as ever."""
BODY_LIMIT = 128 * 1024 * 1024
NO_DATABASE = "<!DOCTYPE html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>No database is selected and the requested URL was not found in the server-wide controllers.</p>\n"  # noqa: E501
_CAPACITY = "The data value transmitted exceeds the capacity limit."
_TOO_LARGE = "werkzeug.exceptions.RequestEntityTooLarge"
TOO_LARGE = OdooError(_TOO_LARGE, f"413 Request Entity Too Large: {_CAPACITY}", (_TOO_LARGE, _CAPACITY))
VERSION = {"version_info": [19, 0, 0, "final", 0, ""], "version": "19.0"}
COMMON = {
    "server_version": "19.0",
    "server_version_info": VERSION["version_info"],
    "server_serie": "19.0",
    "protocol_version": 1,
}


class Sandbox:
    """A small server that answers like Odoo 19, on the loopback interface only.

    Args:
        port: TCP port, 0 for any free one.
        discard: Store nothing and answer at once. With orjson installed a body is read in a fraction of the time: a
            client that waits for the sandbox costs more than one that does not, its caches gone cold.
        faults: What to do wrong.
        keep_alive: Keep connections open; Odoo itself closes them after each answer.
        path: File that keeps the records between runs; in memory by default.
        api_key: Key to accept; a new one by default.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        discard: bool = False,
        faults: Faults | None = None,
        keep_alive: bool = False,
        path: str = ":memory:",
        api_key: str | None = None,
    ) -> None:
        self.port = port
        self.discard = discard
        self._loads: Callable[[bytes], Any] = fast_loads if discard else json.loads
        self.faults = faults or Faults()
        self.keep_alive = keep_alive or discard
        self.database, self.login, self.password = "sandbox", "admin", "admin"
        self.api_key = api_key or secrets.token_hex(20)
        self.calls = self.in_flight = self.most_in_flight = 0
        self._path = path
        self._next_id = 1000

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Sandbox:  # noqa: PYI034
        """Start to listen."""
        self.store = Store(self._path)
        self._methods = Methods(self.store)
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_post("/json/2/{model}/{method}", self._json2)
        app.router.add_post("/jsonrpc", self._jsonrpc)
        app.router.add_post("/xmlrpc/2/{service}", self._xmlrpc)
        app.router.add_post("/sandbox/faults", self._plan)
        app.router.add_get("/sandbox/calls", self._counts)
        app.router.add_get("/web/health", _health)
        for path in ("/web/version", "/json/version"):
            app.router.add_get(path, _version)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self._runner.cleanup()
        self.store.close()

    async def _plan(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self.faults.replace(wanted["plan"], wanted.get("seed", 0))
        return web.json_response({"made": self.faults.made})

    async def _counts(self, _: web.Request) -> web.Response:
        """Calls so far, and how many of them at once at most, since this was last asked."""
        counts = {"calls": self.calls, "in_flight": self.in_flight, "most_in_flight": self.most_in_flight}
        self.most_in_flight = self.in_flight
        return web.json_response(counts)

    # -- the protocols ----------------------------------------------------------------------------------------------
    async def _json2(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("X-Odoo-Database", self.database) != self.database:
            return web.Response(status=404, text=NO_DATABASE, content_type="text/html")
        model, method = request.match_info["model"], request.match_info["method"]
        body = await self._body(request)
        if body is None:
            return self._close(web.json_response(TOO_LARGE.data(json2=True), status=TOO_LARGE.status))

        def run() -> Any:
            key = request.headers.get("Authorization", "").partition(" ")[2]
            if not secrets.compare_digest(key.encode(), self.api_key.encode()):
                raise OdooError("werkzeug.exceptions.Unauthorized", "Invalid apikey")
            try:
                given = self._loads(body or b"{}")
            except ValueError as error:
                raise OdooError(
                    "werkzeug.exceptions.BadRequest", f"could not parse the body as json: {error}"
                ) from None
            if self.discard and method in DISCARDED:
                return self._discarded(method, given.get("data" if method == "load" else "vals_list"))
            context = given.pop("context", None) or {}
            if method == "create" and isinstance(given.get("vals_list"), dict):
                given["vals_list"] = [given["vals_list"]]
            return self._call(model, method, context, [], given)

        def failed(error: OdooError) -> web.Response:
            return web.json_response(error.data(json2=True), status=error.status)

        return await self._serve(request, method, body, run, web.json_response, failed)

    async def _jsonrpc(self, request: web.Request) -> web.StreamResponse:
        body = await self._body(request)
        if body is None:
            return self._close(_rpc(None, error=TOO_LARGE))
        try:
            call = self._loads(body)
            params = call["params"]
            args = params["args"]
        except (ValueError, KeyError, TypeError):
            return self._close(web.Response(status=400, text="Invalid JSON data", content_type="text/html"))
        service, name = params.get("service"), params.get("method")
        method = args[4] if service == "object" and len(args) > 4 else str(name)

        def run() -> Any:
            return self._execute(service, str(name), args)

        def succeeded(result: Any) -> web.Response:
            return _rpc(call.get("id"), result=result)

        return await self._serve(request, method, body, run, succeeded, lambda error: _rpc(call.get("id"), error=error))

    async def _xmlrpc(self, request: web.Request) -> web.StreamResponse:
        service, body = request.match_info["service"], await self._body(request)
        if body is None:
            return self._close(web.Response(status=413))
        try:
            name, args = xmlrpc.call(body)
        except ValueError as error:
            return self._close(xmlrpc.fault(OdooError("xml.parsers.expat.ExpatError", str(error))))
        method = args[4] if service == "object" and len(args) > 4 else name

        def run() -> Any:
            return self._execute(service, name, args)

        return await self._serve(request, method, body, run, xmlrpc.answer, xmlrpc.fault)

    def _execute(self, service: str, name: str, args: list[Any]) -> Any:
        """A call of the services that /jsonrpc and /xmlrpc/2 share."""
        if service == "common":
            return self._common(name, args)
        if service == "db":
            return [self.database]
        database, user, password, model, called, *rest = args
        if database != self.database:
            raise OdooError("psycopg2.OperationalError", f'FATAL:  database "{database}" does not exist\n')
        if user != 2 or password not in (self.password, self.api_key):
            raise OdooError("odoo.exceptions.AccessDenied", "Access Denied")
        if self.discard and called in DISCARDED:
            return self._discarded(called, _records(called, rest))
        named = dict(rest[1]) if len(rest) > 1 and rest[1] else {}
        return self._call(model, called, named.pop("context", None) or {}, list(rest[0]) if rest else [], named)

    async def _body(self, request: web.Request) -> bytes | None:
        try:
            return await request.read() if request.content_length is not None else b""
        except web.HTTPRequestEntityTooLarge:
            return None

    def _common(self, name: str, args: list[Any]) -> Any:
        if name == "version":
            return COMMON
        known = args[:2] == [self.database, self.login] and args[2] in (self.password, self.api_key)
        return 2 if known else False

    def _call(self, model: str, method: str, context: dict[str, Any], args: list[Any], named: dict[str, Any]) -> Any:
        if model not in models():
            here = ("werkzeug.exceptions.NotFound", f"the model {model!r} does not exist")
            raise OdooError("odoo.exceptions.UserError", f"Object {model} doesn't exist", here)
        if method.startswith("_"):
            text = f"Private methods (such as '{model}.{method}') cannot be called remotely."
            raise OdooError("odoo.exceptions.AccessError", text)
        function: Callable[..., Any] | None = getattr(self._methods, method, None)
        if function is None or not callable(function):
            text = f"The method '{model}.{method}' does not exist"
            raise OdooError("builtins.AttributeError", text, ("werkzeug.exceptions.NotFound", text))
        try:
            inspect.signature(function).bind(model, context, *args, **named)
        except TypeError as error:
            here = ("werkzeug.exceptions.UnprocessableEntity", str(error))
            raise OdooError("builtins.TypeError", str(error), here) from None
        try:
            with self.store.transaction():
                return function(model, context, *args, **named)
        except OdooError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise OdooError(f"builtins.{type(error).__name__}", str(error)) from error

    def _discarded(self, method: str, records: Any) -> Any:
        if method not in {"create", "load"}:
            return True
        count = len(records) if isinstance(records, list) else 1
        first, self._next_id = self._next_id, self._next_id + count
        ids = list(range(first, self._next_id))
        return ids if method == "create" else {"ids": ids, "messages": [], "nextrow": 0}

    # -- answering --------------------------------------------------------------------------------------------------
    async def _serve(
        self,
        request: web.Request,
        method: str,
        body: bytes,
        run: Callable[[], Any],
        succeeded: Callable[[Any], web.Response],
        failed: Callable[[OdooError], web.Response],
    ) -> web.StreamResponse:
        self.calls += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(request, method, body, run, succeeded, failed)
        finally:
            self.in_flight -= 1

    async def _answer(
        self,
        request: web.Request,
        method: str,
        body: bytes,
        run: Callable[[], Any],
        succeeded: Callable[[Any], web.Response],
        failed: Callable[[OdooError], web.Response],
    ) -> web.StreamResponse:
        faults = {fault.kind: fault for fault in self.faults.choose(method, body)} if self.faults.plan else {}
        if "delay" in faults:
            await asyncio.sleep(faults["delay"].seconds)
        if "close-before" in faults:
            return _cut(request)
        early = _early(faults, failed)
        if early is not None:
            return self._close(early)
        if "load-message" in faults:
            message = {
                "type": "error",
                "rows": {"from": 0, "to": 0},
                "record": 0,
                "message": faults["load-message"].message,
            }
            return self._close(succeeded({"ids": False, "messages": [message], "nextrow": 0}))
        try:
            answer = succeeded(run())
        except OdooError as error:
            answer = failed(error)
        return _cut(request) if "close-after" in faults else self._close(answer)

    def _close(self, answer: web.Response) -> web.Response:
        if not self.keep_alive:
            answer.force_close()
        return answer


def _early(faults: dict[Any, Fault], failed: Callable[[OdooError], web.Response]) -> web.Response | None:
    if "status" in faults:
        fault = faults["status"]
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
        return web.Response(
            status=fault.status, text="<html>unavailable</html>", content_type="text/html", headers=headers
        )
    if "garbage" in faults:
        return web.Response(body=b'{"result": [1, \x00\xff', content_type="application/json")
    return failed(OdooError(faults["error"].name, faults["error"].message)) if "error" in faults else None


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _rpc(identity: Any, *, result: Any = None, error: OdooError | None = None) -> web.Response:
    if error is None:
        return web.json_response({"jsonrpc": "2.0", "id": identity, "result": result})
    told = {"code": 0, "message": "Odoo Server Error", "data": error.data()}
    return web.json_response({"jsonrpc": "2.0", "id": identity, "error": told})


def _records(method: str, rest: list[Any]) -> Any:
    """The records among the positional and named arguments of a call."""
    positional = rest[0] if rest else []
    given = rest[1] if len(rest) > 1 and rest[1] else {}
    place, name = (1, "data") if method == "load" else (0, "vals_list")
    return positional[place] if len(positional) > place else given.get(name, [])


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "pass"})


async def _version(_: web.Request) -> web.Response:
    return web.json_response(VERSION)
