"""A PostgreSQL of a test's own, that may be restarted: the databases of the shared one are left alone."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from real_odoo import TEMPLATE, Installation, free_port


class PrivatePostgres:
    """A cluster with a copy of the template database.

    Args:
        base: Where the template and the programs come from.
    """

    def __init__(self, base: Installation) -> None:
        self.port = str(free_port())
        self._bin = Path(base.odoo.psql[0]).parent
        self._home = base.home / "private" / self.port
        self.socket = str(self._home)
        self._home.mkdir(parents=True)
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            shutil.chown(self._home, "postgres", "postgres")
        self._do("initdb", "-D", self._home / "data", "-U", "odoo", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        self.start()
        self._do("createdb", "-h", self.socket, "-p", self.port, "-U", "odoo", TEMPLATE)
        dump = [self._bin / "pg_dump", "-h", base.socket, "-p", base.port, "-U", "odoo", TEMPLATE]
        psql = [self._bin / "psql", "-h", self.socket, "-p", self.port, "-U", "odoo", "-X", "-q", "-d", TEMPLATE]
        with subprocess.Popen(dump, stdout=subprocess.PIPE) as writes:
            subprocess.run(psql, stdin=writes.stdout, stdout=subprocess.DEVNULL, check=True, timeout=300)
        assert writes.returncode == 0

    def _do(self, program: str, *arguments: str | Path) -> None:
        user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        who = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        log = self._home / f"{program}.log"
        with log.open("ab") as out:
            done = subprocess.run(
                [self._bin / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                env={**os.environ, "LANG": "C.UTF-8"},
                check=False,
                timeout=300,
                **who,
            )
        assert done.returncode == 0, log.read_text()[-2000:]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses= -c unix_socket_directories={self.socket} -c port={self.port} -c fsync=off"
        self._do("pg_ctl", "-D", self._home / "data", "-l", self._home / "log", "-w", "-o", options, "start")

    def stop(self) -> None:
        """As an administrator would: connections are ended, transactions rolled back."""
        self._do("pg_ctl", "-D", self._home / "data", "-m", "fast", "-w", "stop")

    def remove(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        shutil.rmtree(self._home)
