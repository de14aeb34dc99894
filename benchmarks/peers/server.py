"""The server under measurement, asked directly: preparing, counting and clearing what a run leaves there."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from benchmarks.peers.data import HEADER

QUIET = {"tracking_disable": True}

_CLEAR = (
    # Rows that a partner brings with it; the triggers of 27 foreign keys would take longer than the run itself.
    "set session_replication_role = replica",
    (
        "delete from mail_followers_mail_message_subtype_rel where mail_followers_id in"
        " (select id from mail_followers where res_model = 'res.partner' and res_id > {floor})"
    ),
    "delete from mail_followers where res_model = 'res.partner' and res_id > {floor}",
    "delete from mail_message where model = 'res.partner' and res_id > {floor}",
    "delete from ir_model_data where model = 'res.partner' and res_id > {floor}",
    "delete from res_partner where id > {floor}",
)
_TIDY = (
    "vacuum (analyze) res_partner",
    "vacuum (analyze) ir_model_data",
    "vacuum (analyze) mail_message",
    "vacuum (analyze) mail_followers",
    # What one run wrote is not left for the next one to flush.
    "checkpoint",
)


@dataclass(frozen=True)
class Server:
    """A running Odoo 19 (or sandbox) and how to log in.

    Attributes:
        psql: The command that opens its database as a superuser; empty for the sandbox.
    """

    url: str
    database: str
    login: str
    password: str
    api_key: str = field(repr=False)
    psql: Sequence[str] = ()

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 8069

    # ---- over HTTP --------------------------------------------------------------------------------------------------

    def call(self, model: str, method: str, **arguments: Any) -> Any:
        """One ``/json/2`` call."""
        request = urllib.request.Request(
            f"{self.url}/json/2/{model}/{method}",
            json.dumps(arguments).encode(),
            {
                "Authorization": f"bearer {self.api_key}",
                "X-Odoo-Database": self.database,
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)

    def create(self, vals_list: Sequence[dict[str, Any]]) -> list[int]:
        """Create partners 1,000 a call, two calls at a time; their ids, in order."""

        def one(start: int) -> list[int]:
            part = list(vals_list[start : start + 1000])
            return self.call("res.partner", "create", vals_list=part, context=QUIET)

        with ThreadPoolExecutor(2) as pool:
            return [number for part in pool.map(one, range(0, len(vals_list), 1000)) for number in part]

    def warm_up(self) -> None:
        """Have every worker do what the runs will ask for; a worker's first call loads its registry."""
        floor = self.floor()

        def one(number: int) -> None:
            values = [{"name": f"warm-{number}-{n}", "email": "w@example.com"} for n in range(50)]
            ids = self.call("res.partner", "create", vals_list=values, context=QUIET)
            self.call("res.partner", "read", ids=ids, fields=["name"])

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(one, range(12)))
        self.clear(floor)

    # ---- over SQL ---------------------------------------------------------------------------------------------------

    def sql(self, *statements: str) -> list[list[str]]:
        """Run statements, each a transaction of its own; what the last one answers."""
        command = [*self.psql, "-X", "-q", "-A", "-t", "-F", "\x1f", "-v", "ON_ERROR_STOP=1"]
        for one in statements:
            command += ["-c", one]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise RuntimeError(f"psql: {done.stderr.strip()[-300:]}")
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def floor(self) -> int:
        """The highest id of a partner now."""
        return int(self.sql("select coalesce(max(id), 0) from res_partner")[0][0])

    def clear(self, floor: int) -> None:
        """Remove the partners above an id, with what belongs to them, and leave the tables tidy."""
        self.sql(*(one.format(floor=floor) for one in _CLEAR), *_TIDY)

    def tidy(self) -> None:
        """The tables as after a quiet night: no dead rows, nothing left to flush."""
        self.sql(*_TIDY)

    def count(self, prefix: str, condition: str = "true") -> int:
        """Partners whose name begins with the prefix, archived ones included."""
        query = f"select count(*) from res_partner where starts_with(name, '{prefix}') and ({condition})"
        return int(self.sql(query)[0][0])

    def digest(self, prefix: str, fields: Sequence[str] = HEADER, condition: str = "true") -> str:
        """Over the values of all of them, ordered; see `data.digest`."""
        row = "concat_ws('|', " + ", ".join(fields) + ")"
        query = (
            f"select md5(string_agg({row}, E'\\n' order by {row} collate \"C\"))"
            f" from res_partner where starts_with(name, '{prefix}') and ({condition})"
        )
        return self.sql(query)[0][0]

    def name_externally(self, prefix: str, module: str) -> None:
        """Give the partners external ids in a module of their own; see `data.external_id`."""
        self.sql(
            "insert into ir_model_data (module, name, model, res_id, noupdate)"
            f" select '{module}', 'p' || (substr(name, {len(prefix) + 1})::int), 'res.partner', id, false"
            f" from res_partner where starts_with(name, '{prefix}')"
        )

    def now(self) -> str:
        """The database's clock, as it writes ``write_date``."""
        time.sleep(0.01)
        return self.sql("select now() at time zone 'UTC'")[0][0]

    def facts(self) -> dict[str, str]:
        """Versions, and whether commits wait for the disk."""
        version = self.call(
            "ir.module.module", "search_read", domain=[["name", "=", "base"]], fields=["latest_version"]
        )
        names = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        found = {name: self.sql(f"show {name}")[0][0] for name in names}
        settings = ", ".join(f"{name} {value}" for name, value in found.items() if name != "server_version")
        return {"odoo": version[0]["latest_version"], "postgresql": f"{found['server_version']} ({settings})"}
