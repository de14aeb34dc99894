"""A client of an existing caller: ``execute_kw`` over JSON-RPC with aiohttp, errors as one exception class, no more."""

from __future__ import annotations

from typing import Any, Self

import aiohttp


class ValidationError(Exception):
    """Whatever Odoo answers as an error; `name` is Odoo's."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name
        self.context = {"name": name}


class PlainClient:
    """Logged in between ``async with`` and its end; counts its calls by method."""

    def __init__(self, url: str, database: str, login: str, password: str) -> None:
        self.url, self.database, self.login, self.password = url, database, login, password
        self.counts: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers={"X-Odoo-Database": self.database})
        self.uid = await self._call("common", "login", [self.database, self.login, self.password])
        assert self.uid, "login refused"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def execute_kw(self, model: str, method: str, args: list[Any], kwargs: dict[str, Any] | None = None) -> Any:
        self.counts[method] = self.counts.get(method, 0) + 1
        return await self._call(
            "object", "execute_kw", [self.database, self.uid, self.password, model, method, args, kwargs or {}]
        )

    async def _call(self, service: str, method: str, args: list[Any]) -> Any:
        body = {"jsonrpc": "2.0", "method": "call", "params": {"service": service, "method": method, "args": args}}
        async with self._session.post(f"{self.url}/jsonrpc", json=body) as answer:
            content = await answer.json()
        if "error" in content:
            data = content["error"]["data"]
            raise ValidationError(data["message"], data["name"])
        return content["result"]
