"""Run a command against a real Odoo 19: a benchmark, the plugins' own tests.

    python tests/helpers/with_odoo.py [--optional] COMMAND [ARGUMENT …]

The server is that of ``ZENOO_FAST_TEST_ODOO_URL``, or one brought up for this run as the tests do it (database safety
on: fsync is not turned off). What runs finds it in ``ZENOO_FAST_TEST_ODOO_*``. With ``--optional`` it runs without one
where none can be had, but not where ``CI`` is ``true``.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from real_odoo import Odoo, UnavailableError, from_environment, installation, to_environment

__all__ = ["UnavailableError", "running_odoo"]


@contextlib.contextmanager
def running_odoo() -> Iterator[Odoo]:
    """The server that the environment names, or one brought up for the time being.

    Raises:
        UnavailableError: It cannot be brought up.
    """
    os.environ.setdefault("ODOO_PGFAST", "0")
    known = from_environment()
    if known is not None:
        yield known
        return
    with installation() as found:
        yield found.odoo


def main() -> int:
    arguments = sys.argv[1:]
    optional = arguments[:1] == ["--optional"]
    command = arguments[optional:]
    if not command or command[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    environment = dict(os.environ)
    with contextlib.ExitStack() as stack:
        try:
            environment |= to_environment(stack.enter_context(running_odoo()))
        except UnavailableError as error:
            print(f"no real Odoo: {error}", file=sys.stderr)
            if not optional or os.environ.get("CI") == "true":
                return 3
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
