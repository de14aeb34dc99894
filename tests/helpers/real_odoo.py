"""A real Odoo 19 for tests and benchmarks: the shared one, and private ones that may be stopped and killed.

The shared one is the server of ``ZENOO_FAST_TEST_ODOO_URL`` (with ``_DATABASE``, ``_LOGIN``, ``_PASSWORD``,
``_API_KEY``, and ``_PSQL``, a connection string for `Odoo.sql`), or one that ``tests/odoo/start_odoo.sh`` brings up
below ``ZENOO_FAST_CACHE`` (default ``/var/tmp/zenoo-fast-cache``).
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

START = Path(__file__).parents[1] / "odoo" / "start_odoo.sh"
VARIABLE = "ZENOO_FAST_TEST_ODOO"
TEMPLATE = "odoo19_template"


class UnavailableError(Exception):
    """No real Odoo can be had here, and why."""


@dataclass
class Odoo:
    """A running Odoo and how to reach it."""

    url: str
    database: str
    login: str
    password: str
    api_key: str = field(repr=False)
    psql: list[str] = field(default_factory=list)

    def sql(self, query: str) -> list[tuple[str, ...]]:
        """Run a query with psql; every value is text as PostgreSQL writes it.

        Raises:
            UnavailableError: Nobody said how the database is reached.
        """
        if not self.psql:
            raise UnavailableError(f"needs SQL: set {VARIABLE}_PSQL to a connection string")
        command = [*self.psql, "-X", "-q", "--csv", "-t", "-v", "ON_ERROR_STOP=1", "-c", query]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        return [tuple(row) for row in csv.reader(io.StringIO(answer.stdout))]


def from_environment() -> Odoo | None:
    """The server that the environment names, if it does."""

    def get(name: str, default: str = "") -> str:
        return os.environ.get(f"{VARIABLE}_{name}", default)

    if not get("URL"):
        return None
    return Odoo(
        url=get("URL"),
        database=get("DATABASE", "odoo19"),
        login=get("LOGIN", "admin"),
        password=get("PASSWORD", "admin"),
        api_key=get("API_KEY"),
        psql=["psql", get("PSQL")] if get("PSQL") else [],
    )


def to_environment(odoo: Odoo) -> dict[str, str]:
    """The variables that name this server."""
    values = {
        "URL": odoo.url,
        "DATABASE": odoo.database,
        "LOGIN": odoo.login,
        "PASSWORD": odoo.password,
        "API_KEY": odoo.api_key,
    }
    return {f"{VARIABLE}_{name}": value for name, value in values.items()}


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Installation:
    """What the script left: the server's files, its database cluster, and the server it started.

    Attributes:
        home: The folder.
        odoo: The server.
        socket: Folder of PostgreSQL's socket.
        port: PostgreSQL's port.
    """

    home: Path
    odoo: Odoo
    socket: str
    port: str


@contextlib.contextmanager
def installation() -> Iterator[Installation]:
    """Bring the cached server up, with a fresh database; stop it at the end.

    Raises:
        UnavailableError: It cannot be brought up.
    """
    for tool in ("curl", "apt-get", "dpkg-deb", "setpriv"):
        if shutil.which(tool) is None:
            raise UnavailableError(f"{tool} is not installed")
    home = Path(os.environ.get("ZENOO_FAST_CACHE", "/var/tmp/zenoo-fast-cache")) / "odoo19"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one session at a time has the cached server
        log = home / "start.log"
        with log.open("w") as out:
            try:
                code = subprocess.run(
                    ["bash", START, home, str(free_port())], stdout=out, stderr=out, check=False, timeout=1200
                ).returncode
            except subprocess.TimeoutExpired:
                code = -1
        try:
            if code:
                raise UnavailableError(f"start_odoo.sh failed ({code}): {log.read_text()[-600:]}")
            known = dict(line.split("=", 1) for line in (home / "server").read_text().splitlines())
            psql = [known["psql"], "-h", known["socket"], "-p", known["port"], "-U", "odoo", "-d", known["database"]]
            key = (home / "api_key").read_text().strip()
            odoo = Odoo(known["url"], known["database"], "admin", "admin", key, psql)
            yield Installation(home, odoo, known["socket"], known["port"])
        finally:
            if (home / "stop.sh").exists():
                subprocess.run(["bash", home / "stop.sh"], check=False, timeout=60)


class PrivateOdoo(Odoo):
    """A server of one test's own, on a database of its own: it may be stopped, killed and configured.

    Args:
        base: Where its files come from, and its database where nothing else is said.
        folder: Where its configuration and log go.
        socket: Folder of the socket of a PostgreSQL that has the template database, too.
        port: That one's port.
        options: Of the configuration file: ``workers``, ``limit_time_real``, ``limit_time_cpu`` …
    """

    def __init__(
        self, base: Installation, folder: Path, socket: str = "", port: str = "", **options: str | int
    ) -> None:
        self._base = base
        self._socket = socket or base.socket
        self._database_port = port or base.port
        self._folder = folder
        self._port = free_port()
        database = f"private_{self._port}_{os.getpid()}"
        super().__init__(f"http://127.0.0.1:{self._port}", database, "admin", "admin", base.odoo.api_key)
        self._psql = [base.odoo.psql[0], "-h", self._socket, "-p", self._database_port, "-U", "odoo", "-d"]
        self.psql = [*self._psql, self.database]
        self.options: dict[str, str | int] = {"workers": 2, **options}
        self.process: subprocess.Popen[bytes] | None = None
        self._admin(f"create database {self.database} template {TEMPLATE}")
        for kind in ("filestore",):
            source = base.home / "data" / kind / TEMPLATE
            if source.exists():
                shutil.copytree(source, folder / "data" / kind / self.database)

    def _admin(self, statement: str) -> None:
        command = [*self._psql, "postgres", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement]
        subprocess.run(command, check=True, capture_output=True, timeout=120)

    @property
    def log(self) -> str:
        """What the server wrote."""
        file = self._folder / "odoo.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self, **options: str | int) -> None:
        """Start it, with these options changed, and wait until it answers."""
        self.options |= options
        base = self._base
        own = {
            "db_host": self._socket,
            "db_port": self._database_port,
            "db_user": "odoo",
            "http_interface": "127.0.0.1",
            "http_port": self._port,
            "gevent_port": free_port(),
            "data_dir": self._folder / "data",
            "max_cron_threads": 0,
            "db_name": self.database,
            "dbfilter": f"^{self.database}$",
            "list_db": "False",
            "log_level": "warn",
            **self.options,
        }
        kept = [line for line in (base.home / "odoo.conf").read_text().splitlines() if line.startswith("addons_path")]
        file = self._folder / "odoo.conf"
        file.write_text("[options]\n" + "\n".join([*kept, *(f"{key} = {value}" for key, value in own.items())]) + "\n")
        python, program = base.home / "venv" / "bin" / "python", base.home / "x" / "usr" / "bin" / "odoo"
        with (self._folder / "odoo.log").open("ab") as log:
            self.process = subprocess.Popen(
                [python, "-W", "ignore", program, "server", "-c", file],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(self._folder)},
                start_new_session=True,
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 120
        request = urllib.request.Request(
            f"{self.url}/json/2/res.users/context_get",
            b"{}",
            {
                "Authorization": f"bearer {self.api_key}",
                "X-Odoo-Database": self.database,
                "Content-Type": "application/json",
            },
        )
        while True:
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Odoo does not start:\n{self.log[-3000:]}")
            try:
                urllib.request.urlopen(request, timeout=30).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return

    def workers(self) -> list[int]:
        """Process ids of the workers that serve HTTP."""
        assert self.process is not None
        return [
            one.pid for one in psutil.Process(self.process.pid).children() if "gevent" not in " ".join(one.cmdline())
        ]

    def kill_worker(self) -> int:
        """End one worker with SIGKILL; the server starts another."""
        pid = self.workers()[0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def stop(self) -> None:
        """Let it end in order."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None

    def kill(self) -> None:
        """End it and its workers with SIGKILL."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            self.process = None

    def restart(self, **options: str | int) -> None:
        """Stop it and start it again, with these options changed."""
        self.stop()
        self.start(**options)

    def drop(self) -> None:
        """Stop it and remove its database."""
        self.stop()
        self._admin(f"drop database if exists {self.database} with (force)")
