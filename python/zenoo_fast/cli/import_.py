"""``zenoo-fast import``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import Any

import click

from zenoo_fast.cli.connection import Settings, connection_options
from zenoo_fast.cli.outcome import EXIT_INTERRUPTED, as_json, exit_code, print_report
from zenoo_fast.exceptions import ConfigurationError

STDIN = "-"


class AutoNumber(click.ParamType[Any]):
    """``auto``, or a number from a least one on."""

    name = "auto|N"

    def __init__(self, least: int = 1) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """``"auto"`` or an int."""
        if value == "auto" or isinstance(value, int):
            return value
        if value.isdecimal() and int(value) >= self.least:
            return int(value)
        return self.fail(f"{value!r} is neither auto nor a number from {self.least} on", param, ctx)


@click.command("import")
@click.argument("file")
@click.option("--model", required=True, help="Technical name, such as res.partner.")
@click.option(
    "--mode",
    type=click.Choice(["create", "upsert", "sync", "update", "delete"]),
    default="create",
    show_default=True,
    help="create: every row is a new record. upsert: the column id holds external ids; records that exist are written. "
    "sync: an upsert that reads first and writes only what differs. update, delete: by the column id or .id.",
)
@click.option(
    "--match",
    "matches",
    multiple=True,
    metavar="FIELD=KEY",
    help="The column FIELD of a relation holds KEY of the related records (parent_id=ref); they are looked up by it.",
)
@click.option(
    "--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="Where a column goes; COLUMN= leaves it out."
)
@click.option(
    "--query",
    metavar="SQL",
    help="FILE is a database (postgresql://user@host/name, sqlite:///file.db); import the rows of this query.",
)
@connection_options
@click.option("--chunk-size", type=AutoNumber(), default="auto", show_default=True, help="Records a call.")
@click.option("--concurrency", type=AutoNumber(), default="auto", show_default=True, help="Calls at once.")
@click.option("--workers", type=AutoNumber(0), default="auto", show_default=True, help="Processes that send; 0: none.")
@click.option("--context", metavar="JSON", help="Odoo context of the calls, an object.")
@click.option("--keep-tracking", is_flag=True, help="Let Odoo write tracking messages and followers (half as fast).")
@click.option(
    "--idempotent",
    is_flag=True,
    help="Give every row an external id, so that no call that is sent again doubles it (with --key: no second import).",
)
@click.option("--key", multiple=True, metavar="COLUMN", help="Make the external ids of these columns.")
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for rejected rows [FILE.rejects.csv, or .ndjson].",
)
@click.option(
    "--on-reject",
    type=click.Choice(["continue", "stop"]),
    default="continue",
    show_default=True,
    help="Go on after a rejected row, or stop.",
)
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the durable account of the run [FILE.journal, removed once every row has come to its end].",
)
@click.option("--no-journal", is_flag=True, help="Keep none: a run that is cut off cannot be resumed.")
@click.option(
    "--resume", is_flag=True, help="Go on with the run of the journal; what came to its end is not sent again."
)
@click.option("--allow-changed-source", is_flag=True, help="Resume although FILE has changed; rows go by their number.")
@click.option("--dry-run", is_flag=True, help="Check the whole file, send nothing.")
@click.option(
    "--lane",
    metavar="FIELD",
    help="Rows with the same FIELD go in one call after the other [a parent, a line's document].",
)
@click.option("--limit", type=click.IntRange(1), help="Rows at most.")
@click.option(
    "--format",
    type=click.Choice(["csv", "ndjson", "parquet", "arrow"]),
    help="What FILE is [told from its suffix; standard input is csv].",
)
@click.option("--delimiter", help="Between cells; told from the header without.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of the file.")
@click.option("--max-record-bytes", type=click.IntRange(1), help="A longer row ends the import [64 MiB].")
@click.option("--json", "json_output", is_flag=True, help="Print the report as one JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress and no table; errors and the exit code only.")
@click.option(
    "--validator",
    "validators",
    multiple=True,
    metavar="NAME[=CONFIG]",
    help="Check records with a plugin's validator; CONFIG is key=value,… or a JSON object.",
)
@click.option(
    "--progress",
    multiple=True,
    metavar="NAME[=CONFIG]",
    default=["auto"],
    help="How progress is shown, on stderr: auto, rich, plain, jsonl, none, or a plugin's.  [auto]",
)
@click.option(
    "--report", "html_report", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML report here."
)
def command(settings: Settings, **options: Any) -> int:
    """Import FILE into a model.

    FILE is a CSV file or one with a JSON object a line (.ndjson, .jsonl), gzip and zstd told by themselves, or - for
    standard input, a Parquet or Arrow file (.parquet, .arrow, .feather), or, with --query, a database. Its header, or
    the keys of its objects, name the fields in Odoo's own import spellings: name, parent_id/.id (a database id),
    parent_id/id (an external id), id (the external id of the row itself). Rows are counted from 0: row 0 is the first
    one after the header.

    \b
    Exit codes: 0 every row is in, 1 some rows are rejected or unknown, 2 wrong usage, 3 no connection or log-in,
    130 interrupted.

    \b
    Examples:
      zenoo-fast import partners.csv --model res.partner
      zenoo-fast import partners.csv --model res.partner --map Name=name --map Mail=email
      zenoo-fast import partners.csv --model res.partner --mode upsert --json > report.json
      zenoo-fast import partners.csv --model res.partner --resume
      zenoo-fast import postgresql://me@db/shop --query "select name, email from customer" --model res.partner
      zcat partners.csv.gz | zenoo-fast import - --model res.partner --rejects bad.csv
      jq -c '.[]' partners.json | zenoo-fast import - --model res.partner --format ndjson
    """
    context = _json_object("--context", options.pop("context"))
    mapping = _mapping("--map", options.pop("maps"))
    options["match"] = _mapping("--match", options.pop("matches"))
    return asyncio.run(_import(settings, context, mapping, options))


def _json_object(option: str, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{option} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConfigurationError(f'{option} is a JSON object, such as \'{{"lang": "de_DE"}}\'')
    return value


def _mapping(option: str, maps: tuple[str, ...]) -> dict[str, str]:
    mapping = {}
    for one in maps:
        column, equals, target = one.partition("=")
        if not equals or not column:
            raise ConfigurationError(f"{option} {one}: write two names with = between them")
        if column in mapping:
            raise ConfigurationError(f"{option}: {column} is given twice")
        mapping[column] = target
    return mapping


def default_rejects(file: str, kind: str | None) -> Path:
    """Beside the input, or here for standard input: CSV for columns, JSON lines for records that name their fields."""
    suffix = ".csv" if kind not in {"ndjson", None} else ".jsonl" if file.endswith(".jsonl") else ".ndjson"
    return Path(f"{'stdin' if file == STDIN else file.removesuffix(suffix)}.rejects{suffix}")


def default_journal(file: str) -> Path | None:
    """Beside the input; none for standard input, which cannot be read again."""
    return None if file == STDIN else Path(f"{file}.journal")


def _choose_journal(file: str, options: dict[str, Any]) -> tuple[Path | None, bool]:
    """The journal, and whether it is kept once there is nothing to resume."""
    chosen, none = options.pop("journal"), options.pop("no_journal")
    if none and (chosen or options["resume"]):
        raise ConfigurationError("--no-journal contradicts --journal and --resume")
    if none or options["dry_run"]:
        return None, False
    if chosen is not None:
        return chosen, True
    default = default_journal(file)
    if default is not None and default.exists() and not options["resume"]:
        raise ConfigurationError(
            f"{default}: an earlier import of this file was cut off: --resume continues it; "
            "to import the file once more, remove that journal or give --journal"
        )
    return default, False


async def _import(settings: Settings, context: Any, mapping: dict[str, str], options: dict[str, Any]) -> int:
    from zenoo_fast.engine.crew import Control
    from zenoo_fast.importing import import_records
    from zenoo_fast.plugins.registry import named
    from zenoo_fast.plugins.validators import ValidatorSpec
    from zenoo_fast.progress.choose import NAMES as BUILT_IN
    from zenoo_fast.progress.choose import reporters
    from zenoo_fast.sources.open import format_of
    from zenoo_fast.sources.query import sql

    file, query = options.pop("file"), options.pop("query")
    source = file if query is None else sql(file, query)
    kind = None if query else format_of(file, options["format"])
    if query is None:
        _check_file(file, kind)
    json_output, quiet = options.pop("json_output"), options.pop("quiet")
    journal, keep = _choose_journal(STDIN if query else file, options)
    rejects = options.pop("rejects") or (Path("query.rejects.csv") if query else default_rejects(file, kind))
    chosen, html_report = options.pop("progress"), options.pop("html_report")
    _check_apart({"FILE": Path(file), "--rejects": rejects, "--journal": journal, "--report": html_report})
    if quiet:
        chosen = [one for one in chosen if one.partition("=")[0] not in BUILT_IN]
    shown = reporters(chosen, html_report)
    validators = [ValidatorSpec(*named(one)) for one in options.pop("validators")]
    control = Control()
    client = await settings.connect()
    try:
        with interruptible(control):
            report = await import_records(
                client,
                options.pop("model"),
                source,
                context=context,
                mapping=mapping,
                rejects=rejects,
                journal=journal,
                validators=validators,
                progress=shown,
                control=control,
                **options,
            )
    except asyncio.CancelledError:
        if control.reason != INTERRUPTED:
            raise
        click.echo(f"zenoo-fast: interrupted; {_left_behind(journal)}", err=True)
        return EXIT_INTERRUPTED
    finally:
        await client.close()
    if report.journal is not None and not keep and not report.stopped and not report.unknown:
        report.journal.unlink(missing_ok=True)
        report.journal = None
    place = report.rejects_file
    if json_output:
        click.echo(as_json(report, place))
    if not quiet:
        print_report(report, place, str(source))
    return exit_code(report, interrupted=control.reason == INTERRUPTED)


INTERRUPTED = "interrupted"


def _left_behind(journal: Path | None) -> str:
    if journal is None or not journal.exists():
        return "which rows are in is not known"
    return f"what came to its end is in {journal}: the same command with --resume goes on from there"


@contextlib.contextmanager
def interruptible(control: Any) -> Any:
    """SIGINT and SIGTERM stop the run and let it finish what is in flight; a second one ends it at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def stop() -> None:
        if control.stopped and task is not None:
            task.cancel()
            return
        click.echo("zenoo-fast: stopping; waiting for the calls in flight (once more: at once)", err=True)
        control.stop(INTERRUPTED)

    signals = (signal.SIGINT, signal.SIGTERM)
    try:
        for one in signals:
            loop.add_signal_handler(one, stop)
    except NotImplementedError:  # Windows: KeyboardInterrupt ends the run
        pass
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError):
            for one in signals:
                loop.remove_signal_handler(one)


def _check_apart(places: dict[str, Path | None]) -> None:
    """No file is two things at once: the report would replace the input, the journal refuse the rejects."""
    seen: dict[Path, str] = {}
    for name, path in places.items():
        if path is not None:
            other = seen.setdefault(path.resolve(), name)
            if other != name:
                raise ConfigurationError(f"{path}: is both {other} and {name}")


def _check_file(file: str, kind: str | None) -> None:
    """A wrong path is told before anybody is asked for a password or a server."""
    from zenoo_fast.plugins import manager as plugins
    from zenoo_fast.sources.query import is_database, without_secrets

    if file == STDIN:
        if sys.stdin.isatty():
            raise ConfigurationError("- reads standard input, which is a terminal: pipe a file into it")
        return
    path = Path(file)
    if is_database(file):
        raise ConfigurationError(f"{without_secrets(file)} is a database: say which rows, with --query SQL")
    name, colon, _ = file.partition(":")
    if colon and not path.exists() and name in plugins.names("source"):
        return
    if not path.exists():
        raise ConfigurationError(f"{file}: No such file or directory")
    if path.is_dir():
        raise ConfigurationError(f"{file}: is a folder, not a file")
    if kind == "csv" and path.is_file() and path.stat().st_size == 0:
        raise ConfigurationError(f"{file}: the file is empty: its first line must name the columns")
