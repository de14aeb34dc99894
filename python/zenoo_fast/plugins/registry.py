"""What is registered by name, and how a name becomes a class, here or in a worker process."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from zenoo_fast.exceptions import ConfigurationError

Kind = Literal["transport", "validator", "reporter", "source"]
KINDS: tuple[Kind, ...] = ("transport", "validator", "reporter", "source")


def load(spec: str) -> Any:
    """What ``module:attr`` names.

    Raises:
        ConfigurationError: It names nothing; with the reason. Whatever the module raises while it is imported is one.
    """
    module, _, attribute = spec.partition(":")
    if not module or not attribute:
        raise ConfigurationError(f"{spec!r} is no module:attr")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{spec} cannot be imported: {reason(error)}") from error
    return found


def spec_of(factory: Any) -> str:
    """The ``module:attr`` under which another process finds a class or a function.

    Raises:
        ConfigurationError: There is none; with the reason.
    """
    module = getattr(factory, "__module__", None)
    name = getattr(factory, "__qualname__", None)
    if not module or not name:
        raise ConfigurationError(f"{factory!r:.80} is neither a class nor a function")
    if module == "__main__":
        raise ConfigurationError(f"{name} is defined in the main program, which no other process can import")
    if "<" in name:
        raise ConfigurationError(f"{name} is defined inside a function, where no other process can find it")
    spec = f"{module}:{name}"
    if load(spec) is not factory:
        raise ConfigurationError(f"{spec} is not {factory!r:.80}")
    return spec


def reason(error: BaseException) -> str:
    """An exception in one line."""
    if isinstance(error, ConfigurationError):
        return error.message
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__


@dataclass(slots=True)
class Entry:
    """One registered thing.

    Attributes:
        kind: What it is.
        name: Its name.
        plugin: The plugin that registered it.
        target: Class or callable, or ``module:attr`` until it is used for the first time.
    """

    kind: Kind
    name: str
    plugin: str
    target: Callable[..., Any] | str
    _factory: Callable[..., Any] | None = field(default=None, repr=False)

    def factory(self) -> Callable[..., Any]:
        """What makes it; imported once.

        Raises:
            ConfigurationError: It cannot be imported, or not be called.
        """
        if self._factory is None:
            found = self.target
            if isinstance(found, str):
                try:
                    found = load(found)
                except ConfigurationError as error:
                    raise ConfigurationError(f"{self}: {error.message}") from error
            if not callable(found):
                raise ConfigurationError(f"{self}: {self.target} cannot be called")
            self._factory = found
        return self._factory

    def make(self, *arguments: Any, **config: Any) -> Any:
        """Make one.

        Raises:
            ConfigurationError: Its class refuses the configuration; with the reason.
        """
        factory = self.factory()
        try:
            return factory(*arguments, **config)
        except Exception as error:
            raise ConfigurationError(f"{self}: {reason(error)}") from error

    def spec(self) -> str:
        """``module:attr`` for another process.

        Raises:
            ConfigurationError: No other process can import it; with the reason.
        """
        if isinstance(self.target, str):
            return self.target
        try:
            return spec_of(self.target)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self}: {error.message}") from error

    def __str__(self) -> str:
        own = self.plugin in {"", "zenoo_fast"}
        return f"{self.kind} {self.name}" if own else f"{self.kind} {self.name} (plugin {self.plugin})"


def named(text: str) -> tuple[str, dict[str, Any]]:
    """``NAME``, ``NAME={"key": …}`` or ``NAME=key=value,key=value`` as a name and a configuration.

    Raises:
        ConfigurationError: It is none of these.
    """
    name, equals, rest = text.partition("=")
    if not name:
        raise ConfigurationError(f"{text!r} begins with no name")
    if not equals:
        return name, {}
    if rest.lstrip().startswith("{"):
        try:
            config: Any = json.loads(rest)
        except ValueError as error:
            raise ConfigurationError(f"the configuration of {name} is not JSON: {error}") from error
        return name, config
    config = {}
    for pair in rest.split(","):
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise ConfigurationError(f'the configuration of {name} is {{"key": …}} or key=value,…, not {rest!r}')
        config[key] = value
    return name, config


def checked(kind: Kind, plugin: str, answer: object) -> Mapping[str, Any]:
    """A plugin's answer to a ``register_…`` call.

    Raises:
        ConfigurationError: It is not a mapping from names to callables or ``module:attr``.
    """
    what = f"register_{kind}s"
    if not isinstance(answer, Mapping):
        raise ConfigurationError(f"{what} answered {answer!r:.80}, not a mapping from names")
    for name, target in answer.items():
        if not isinstance(name, str) or not name.strip() or set(name) & set(":=,") or name == "auto":
            raise ConfigurationError(f"{what}: {name!r:.80} is no name for a {kind}")
        if isinstance(target, str):
            module, colon, attribute = target.partition(":")
            if not module or not colon or not attribute:
                raise ConfigurationError(f"{what}: {name}: {target!r} is no module:attr")
        elif not callable(target):
            raise ConfigurationError(f"{what}: {name}: {target!r:.80} cannot be called (of {plugin})")
    return answer
