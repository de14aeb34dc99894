"""``zenoo-fast``: finds the command, turns errors into one line and an exit code."""

from __future__ import annotations

import atexit
import gc
import importlib
import importlib.util
import logging
import sys
import traceback
from typing import Any

import click

from zenoo_fast.exceptions import AuthenticationError, ConnectionError, ZenooError  # noqa: A004 - the contract's name

EXIT_USAGE = 2
EXIT_CONNECTION = 3
EXIT_INTERRUPTED = 130

COMMANDS = {
    "import": ("import_", "Import a file into a model."),
    "fields": ("fields", "List a model's fields, as columns may name them."),
    "sandbox": ("sandbox", "Start a small Odoo-compatible server to try things on."),
    "demo": ("demo", "Import 100,000 made-up partners into a sandbox and show the result."),
    "reconcile": ("reconcile", "Settle the rows of a run whose end is not known."),
    "ids": ("ids", "Write the database id of each imported row."),
    "bench": ("bench", "Find out how your server takes records best."),
    "plugins": ("plugins", "List the installed plugins."),
}
"""Command -> (module, what it does). Modules are imported when their command runs: help stays quick."""


class _Commands(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return [name for name, (module, _) in COMMANDS.items() if _exists(module)]

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS or not _exists(COMMANDS[name][0]):
            return None
        command: click.Command = importlib.import_module(f"zenoo_fast.cli.{COMMANDS[name][0]}").command
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(_ctx)])


def _exists(module: str) -> bool:
    return importlib.util.find_spec(f"zenoo_fast.cli.{module}") is not None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="zenoo-fast", prog_name="zenoo-fast")
@click.option("--debug", is_flag=True, help="Log what happens, and show tracebacks.")
def cli(*, debug: bool) -> None:
    """Get large amounts of data into Odoo: nothing lost, nothing twice, nothing silent.

    \b
    Try it without an Odoo:      zenoo-fast demo
    Import a file:               zenoo-fast import partners.csv --model res.partner
    Check it without sending:    zenoo-fast import partners.csv --model res.partner --dry-run

    The server and the user come from options, from ZENOO_FAST_URL, ZENOO_FAST_DATABASE, ZENOO_FAST_LOGIN and
    ZENOO_FAST_API_KEY or ZENOO_FAST_PASSWORD, or from a profile in zenoo-fast.toml.
    """
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING, format="zenoo-fast: %(levelname)s: %(message)s"
    )


def fail(message: str, code: int) -> None:
    """Print one line on stderr and leave: what a file or a server holds may be anything."""
    click.echo(f"zenoo-fast: error: {one_line(message)}", err=True)
    sys.exit(code)


def main(arguments: list[str] | None = None) -> Any:
    """The console script. Exit codes: 0, 1 (rows rejected or unknown), 2 (usage), 3 (connection), 130 (interrupted)."""
    atexit.register(gc.freeze)  # what is left goes with the process: collecting it first takes 33 ms
    debug = "--debug" in (sys.argv[1:] if arguments is None else arguments)
    try:
        code = cli.main(arguments, prog_name="zenoo-fast", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(EXIT_USAGE)
    except click.UsageError as error:
        hint = f" (try '{error.ctx.command_path} --help')" if error.ctx else ""
        fail(error.format_message() + hint, EXIT_USAGE)
    except click.ClickException as error:
        fail(error.format_message(), EXIT_USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("zenoo-fast: interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output is gone; nothing more can be said to them.
        sys.stderr.close()
        sys.exit(1)
    except (AuthenticationError, ConnectionError) as error:
        _show(debug=debug)
        fail(str(error), EXIT_CONNECTION)
    except (ZenooError, OSError) as error:
        _show(debug=debug)
        fail(str(error), EXIT_USAGE)


def one_line(text: str) -> str:
    """The text with its control characters shown as Python writes them."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _show(*, debug: bool) -> None:
    if debug:
        traceback.print_exc()
