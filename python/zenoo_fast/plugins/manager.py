"""The typed façade over pluggy: finds plugins, keeps what they register, tells them of runs."""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.plugins import builtin, hookspecs
from zenoo_fast.plugins.held import watched
from zenoo_fast.plugins.registry import KINDS, Entry, Kind, checked, reason

if TYPE_CHECKING:
    from zenoo_fast.engine.outcome import Settled
    from zenoo_fast.engine.report import ImportReport
    from zenoo_fast.progress.base import RunInfo

logger = logging.getLogger(__name__)

VARIABLE = "ZENOO_FAST_PLUGINS"
BUILTIN = "zenoo_fast"
_EVENTS = ("run_started", "chunk_done", "run_finished")


@dataclass(slots=True)
class Found:
    """An installed plugin.

    Attributes:
        name: Of its entry point, or as it was registered.
        distribution: Name and version of the installed distribution, empty where it has none.
        failure: Why it was left out; empty where it works.
    """

    name: str
    distribution: str = ""
    failure: str = ""


class Plugins:
    """What plugins there are, and what they register.

    Args:
        allowed: Names of plugins to load, and no others; ``None``: every installed one. One that is named here and
            cannot be loaded is an error.
        entry_points: The installed ones; those of the group ``zenoo_fast`` without.
    """

    def __init__(
        self,
        allowed: Iterable[str] | None = None,
        entry_points: Iterable[importlib.metadata.EntryPoint] | None = None,
    ) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._entries: dict[tuple[Kind, str], Entry] = {}
        self._contested: dict[tuple[Kind, str], str] = {}
        self._allowed = None if allowed is None else [one.strip() for one in allowed]
        self._given = entry_points
        self._loaded = False
        self._refused = ""
        self._found: dict[str, Found] = {}
        self._add(builtin, Found(BUILTIN))

    def register(self, plugin: object, name: str) -> None:
        """Add a plugin that is not installed: a module, or an object with marked methods.

        Raises:
            ConfigurationError: It cannot be added; with the reason.
        """
        found = Found(name)
        self._add(plugin, found)
        self._found[name] = found

    def get(self, kind: Kind, name: str) -> Entry:
        """What is registered by a name, or what ``module:attr`` names.

        Raises:
            ConfigurationError: There is nothing of that name; with the reason where a plugin is broken.
        """
        found = self._entries.get((kind, name))
        if found is not None and found.plugin == BUILTIN:
            return found
        if ":" in name:
            entry = Entry(kind, name, "", name)
            entry.factory()
            return entry
        self.load()
        if (kind, name) in self._contested:
            raise ConfigurationError(f"{self._contested[kind, name]}: name the one you want in {VARIABLE}")
        found = self._entries.get((kind, name))
        if found is not None:
            return found
        raise ConfigurationError(f"there is no {kind} {name!r}; {self._known(kind)}{self._suspects(name)}")

    def names(self, kind: Kind) -> list[str]:
        """Everything registered of a kind, sorted."""
        self.load()
        return sorted(name for one, name in self._entries if one == kind)

    def entries(self) -> list[Entry]:
        """Everything registered."""
        self.load()
        return list(self._entries.values())

    def found(self) -> list[Found]:
        """The installed plugins, those that are broken among them."""
        self.load()
        return list(self._found.values())

    def implemented(self, name: str) -> list[str]:
        """The run events that a plugin wants to be told of."""
        plugin = self._manager.get_plugin(name)
        callers = (self._manager.get_hookcallers(plugin) if plugin is not None else None) or []
        return [event for event in _EVENTS if any(caller.name == event for caller in callers)]

    def events(self, run: RunInfo) -> RunEvents | None:
        """Who is told of a run; ``None`` where no plugin wants to be."""
        self.load()
        events = RunEvents(self._manager, run)
        return events if events.wanted else None

    def load(self) -> None:
        """Load the installed plugins, once.

        Raises:
            ConfigurationError: One that was asked for by name is not installed, or is broken.
        """
        if self._refused:
            raise ConfigurationError(self._refused)
        if self._loaded:
            return
        self._loaded = True
        try:
            self._load_all()
        except ConfigurationError as error:
            self._refused = error.message
            raise

    def _load_all(self) -> None:
        points = self._given
        if points is None:
            points = importlib.metadata.entry_points(group=hookspecs.PROJECT)
        wanted = None if self._allowed is None else {_plain(one): one for one in self._allowed}
        for point in sorted(points, key=lambda one: one.name):
            if wanted is not None and wanted.pop(_plain(point.name), None) is None:
                continue
            found = Found(point.name, _distribution(point))
            if point.name in self._found:
                found.failure = f"a plugin named {point.name} is loaded already"
            else:
                self._found[point.name] = found
                self._load(point, found)
            if found.failure:
                self._complain(found)
        if wanted:
            missing = ", ".join(sorted(wanted.values()))
            raise ConfigurationError(f"{VARIABLE} asks for a plugin that is not installed: {missing}")

    def _load(self, point: importlib.metadata.EntryPoint, found: Found) -> None:
        try:
            plugin = point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin does at import
            found.failure = f"{point.value} cannot be imported: {reason(error)}"
            return
        try:
            self._add(plugin, found)
        except ConfigurationError as error:
            found.failure = error.message

    def _complain(self, found: Found) -> None:
        if self._allowed is not None:
            raise ConfigurationError(f"plugin {found.name}: {found.failure}")
        logger.warning("plugin %s is left out: %s", found.name, found.failure)

    def _add(self, plugin: object, found: Found) -> None:
        """Register with pluggy, then take what it registers: all of it or, where it is broken, nothing.

        Raises:
            ConfigurationError: It is broken; with the reason.
        """
        try:
            self._manager.register(plugin, found.name)
            self._manager.check_pending()
        except Exception as error:
            self._remove(found.name)
            raise ConfigurationError(f"plugin {found.name} cannot be registered: {reason(error)}") from error
        try:
            entries = self._registered(found.name)
        except Exception as error:
            self._remove(found.name)
            raise ConfigurationError(reason(error)) from error
        self._entries.update(entries)

    def _registered(self, name: str) -> dict[tuple[Kind, str], Entry]:
        entries: dict[tuple[Kind, str], Entry] = {}
        taken: list[str] = []
        others = [plugin for other, plugin in self._manager.list_name_plugin() if other != name and plugin is not None]
        for kind in KINDS:
            # One plugin at a time: another's failure is not this one's.
            for answer in self._manager.subset_hook_caller(f"register_{kind}s", others)():
                for one, target in checked(kind, name, answer).items():
                    if (kind, one) in self._entries:
                        owner = self._entries[kind, one].plugin
                        taken.append(f"it registers the {kind} {one}, which {owner} has already")
                        if owner != BUILTIN:
                            self._contested[kind, one] = f"two plugins have a {kind} {one}, {owner} and {name}"
                    entries[kind, one] = Entry(kind, one, name, target)
        if taken:
            raise ConfigurationError("; ".join(taken))
        return entries

    def _remove(self, name: str) -> None:
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)

    def _known(self, kind: Kind) -> str:
        names = self.names(kind)
        return f"there are {', '.join(names)}" if names else f"no plugin has a {kind}"

    def _suspects(self, name: str) -> str:
        broken = [one for one in self._found.values() if one.failure]
        likely = [one for one in broken if _plain(name) in _plain(one.name)] or broken
        told = "".join(f"; plugin {one.name} is left out: {one.failure}" for one in likely)
        off = self._allowed is not None and not likely
        return told + (f"; {VARIABLE} restricts plugins to: {', '.join(self._allowed or ()) or 'none'}" if off else "")


class RunEvents:
    """Tells plugins of one run. One that fails is named in a warning, and told nothing more.

    Args:
        manager: Where they are registered.
        run: The run.
    """

    def __init__(self, manager: pluggy.PluginManager, run: RunInfo) -> None:
        self._run = run
        self._broken: set[str] = set()
        self._told: dict[str, list[tuple[str, Callable[..., Any]]]] = {}
        plugins = [(name, plugin) for name, plugin in manager.list_name_plugin() if plugin is not None]
        for name, plugin in plugins:
            others = [other for one, other in plugins if one != name]
            for implemented in manager.get_hookcallers(plugin) or ():
                event = implemented.name
                if event in _EVENTS:
                    self._told.setdefault(event, []).append((name, manager.subset_hook_caller(event, others)))

    @property
    def wanted(self) -> bool:
        """Some plugin wants to be told."""
        return bool(self._told)

    def run_started(self) -> None:
        """See the hook."""
        self._tell("run_started")

    def chunk_done(self, settled: Settled) -> None:
        """See the hook."""
        self._tell("chunk_done", settled=settled)

    def run_finished(self, report: ImportReport) -> None:
        """See the hook."""
        self._tell("run_finished", report=report)

    def _tell(self, event: str, **facts: Any) -> None:
        for name, caller in self._told.get(event, ()):
            if name in self._broken:
                continue
            try:
                with watched(f"plugin {name}"):
                    caller(run=self._run, **facts)
            except Exception as error:  # noqa: BLE001 - a plugin never fails a run
                self._broken.add(name)
                logger.warning("plugin %s failed in %s and is told nothing more: %s", name, event, reason(error))


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _distribution(point: importlib.metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else ""


def allowed_plugins(value: str | None) -> list[str] | None:
    """What ``ZENOO_FAST_PLUGINS`` allows: names, comma-separated; empty or ``none``: no plugin; not set: all."""
    if value is None:
        return None
    names = [one.strip() for one in value.split(",") if one.strip()]
    return [] if names == ["none"] else names


@functools.cache
def installed() -> Plugins:
    """The plugins of this process; ``ZENOO_FAST_PLUGINS`` is read at the first call."""
    return Plugins(allowed_plugins(os.environ.get(VARIABLE)))


def get(kind: Kind, name: str) -> Entry:
    """What is registered by a name in this process; see `Plugins.get`."""
    return installed().get(kind, name)


def names(kind: Kind) -> list[str]:
    """Everything registered of a kind in this process."""
    return installed().names(kind)


__all__ = ["VARIABLE", "Found", "Plugins", "RunEvents", "allowed_plugins", "get", "installed", "names"]
