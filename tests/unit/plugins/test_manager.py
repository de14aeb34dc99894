"""Finding, registering, refusing: plugins that are good and plugins that are not."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import EntryPoint
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from zenoo_fast.engine.report import ImportReport
from zenoo_fast.exceptions import ConfigurationError
from zenoo_fast.plugins import hookimpl
from zenoo_fast.plugins.manager import Plugins, allowed_plugins
from zenoo_fast.plugins.registry import Entry, load, named, spec_of
from zenoo_fast.progress.base import RunInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

INFO = RunInfo("run", "res.partner", "create", "list", 1, None, 0, "json2")


class Thing:
    """Anything that can be registered."""

    def __init__(self, *, colour: str = "red") -> None:
        self.colour = colour


def plugin(**hooks: Callable[..., Any]) -> ModuleType:
    module = ModuleType("a_plugin")
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


def registering(kind: str, names: Mapping[str, Any]) -> ModuleType:
    return plugin(**{f"register_{kind}s": lambda: names})


@pytest.fixture
def installed() -> Iterator[Callable[..., list[EntryPoint]]]:
    """Makes modules importable and answers their entry points."""
    made: list[str] = []

    def install(**plugins: ModuleType | str) -> list[EntryPoint]:
        points = []
        for name, one in plugins.items():
            if isinstance(one, str):
                points.append(EntryPoint(name, one, "zenoo_fast"))
                continue
            made.append(f"installed_{name}")
            sys.modules[made[-1]] = one
            points.append(EntryPoint(name, made[-1], "zenoo_fast"))
        return points

    yield install
    for name in made:
        del sys.modules[name]


# ---- what works --------------------------------------------------------------------------------------------------


def test_a_plugin_registers_all_kinds(installed: Any) -> None:
    hooks = {f"register_{kind}s": lambda: {"it": Thing} for kind in ("transport", "validator", "reporter", "source")}
    plugins = Plugins(entry_points=installed(mine=plugin(**hooks)))
    for kind in ("transport", "validator", "reporter", "source"):
        entry = plugins.get(kind, "it")  # type: ignore[arg-type]
        assert (entry.plugin, entry.make(colour="blue").colour) == ("mine", "blue")
    assert plugins.names("reporter") == ["it", "jsonl", "plain", "rich"]
    assert [(one.name, one.failure) for one in plugins.found()] == [("mine", "")]


def test_module_attr_is_imported_once_and_late(installed: Any) -> None:
    plugins = Plugins(entry_points=installed(mine=registering("reporter", {"late": "late_module:Thing"})))
    entry = plugins.get("reporter", "late")
    with pytest.raises(ConfigurationError, match=r"reporter late \(plugin mine\): late_module:Thing cannot be"):
        entry.factory()
    sys.modules["late_module"] = SimpleNamespace(Thing=Thing)  # type: ignore[assignment]
    try:
        assert entry.factory() is Thing
    finally:
        del sys.modules["late_module"]
    assert plugins.get("reporter", "late").factory() is Thing


def test_names_of_our_own_need_no_plugin_loaded(installed: Any, caplog: pytest.LogCaptureFixture) -> None:
    plugins = Plugins(entry_points=installed(broken="no_such_module_at_all"))
    assert plugins.get("transport", "json2").spec() == "zenoo_fast.transports.json2:Json2Transport"
    assert caplog.text == ""


def test_an_object_is_a_plugin_too() -> None:
    class Mine:
        @hookimpl
        def register_validators(self) -> dict[str, Any]:
            return {"it": Thing}

    plugins = Plugins(entry_points=[])
    plugins.register(Mine(), "by hand")
    assert plugins.get("validator", "it").plugin == "by hand"


def test_module_attr_is_a_name() -> None:
    entry = Plugins(entry_points=[]).get("validator", "example_validators:Mail")
    assert entry.spec() == "example_validators:Mail"


def test_a_hook_may_leave_parameters_out_and_answer_nothing(installed: Any) -> None:
    told: list[str] = []
    module = plugin(register_sources=lambda: None, run_started=lambda: told.append("started"))
    events = Plugins(entry_points=installed(mine=module)).events(INFO)
    assert events is not None
    events.run_started()
    assert told == ["started"]


# ---- what does not -----------------------------------------------------------------------------------------------


def raises() -> dict[str, Any]:
    raise LookupError("nothing\nhere")


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("no_such_module_at_all", "no_such_module_at_all cannot be imported: ModuleNotFoundError: No module named"),
        ("json:no_such_thing", "json:no_such_thing cannot be imported: AttributeError"),
        (plugin(register_reporters=raises), "LookupError: nothing here"),
        (plugin(register_reporters=lambda: 3), "register_reporters answered 3, not a mapping from names"),
        (registering("reporter", {"a:b": Thing}), "register_reporters: 'a:b' is no name for a reporter"),
        (registering("reporter", {"auto": Thing}), "register_reporters: 'auto' is no name for a reporter"),
        (registering("reporter", {3: Thing}), "register_reporters: 3 is no name for a reporter"),
        (registering("transport", {"x": 3}), "register_transports: x: 3 cannot be called"),
        (registering("source", {".x": "module"}), "register_sources: .x: 'module' is no module:attr"),
        (registering("transport", {"json2": Thing}), "it registers the transport json2, which zenoo_fast has already"),
        (plugin(register_reporter=lambda: 3), "plugin bad cannot be registered: PluginValidationError: unknown hook"),
        (plugin(run_started=lambda nonsense: nonsense), "plugin bad cannot be registered: PluginValidationError"),
    ],
)
def test_a_broken_plugin_is_named_and_left_out(
    installed: Any, caplog: pytest.LogCaptureFixture, broken: ModuleType | str, why: str
) -> None:
    points = installed(bad=broken, good=registering("reporter", {"fine": Thing}))
    plugins = Plugins(entry_points=points)
    assert plugins.get("reporter", "fine").plugin == "good"
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("plugin bad is left out: ")
    assert why in line
    assert "\n" not in line
    assert {one.name: bool(one.failure) for one in plugins.found()} == {"bad": True, "good": False}
    assert {entry.plugin for entry in plugins.entries()} == {"zenoo_fast", "good"}
    assert plugins.events(INFO) is None
    # Asked for by name, it is an error; every time.
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="bad"):
            plugins.get("transport", "bad")
    asked = Plugins(["bad"], points)
    for _ in range(2):
        with pytest.raises(ConfigurationError) as told:
            asked.load()
        assert why in told.value.message


def test_a_module_that_exits_is_only_broken(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exiting_plugin.py").write_text("import sys\nsys.exit('no licence')\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins = Plugins(entry_points=[EntryPoint("bad", "exiting_plugin", "zenoo_fast")])
    assert plugins.found()[0].failure == "exiting_plugin cannot be imported: SystemExit: no licence"


def test_two_plugins_with_one_name_must_be_chosen_from(installed: Any) -> None:
    points = installed(
        a=registering("reporter", {"it": Thing}), b=registering("reporter", {"it": Thing, "other": Thing})
    )
    plugins = Plugins(entry_points=points)
    assert plugins.found()[1].failure == "it registers the reporter it, which a has already"
    with pytest.raises(ConfigurationError, match="two plugins have a reporter it, a and b: name the one you want"):
        plugins.get("reporter", "it")
    with pytest.raises(ConfigurationError, match="plugin b is left out"):
        plugins.get("reporter", "other")
    assert Plugins(["b"], points).get("reporter", "it").plugin == "b"


def test_an_unknown_name_says_what_there_is() -> None:
    plugins = Plugins(entry_points=[])
    with pytest.raises(ConfigurationError, match=r"there is no transport 'xml'; there are json2, jsonrpc$"):
        plugins.get("transport", "xml")
    with pytest.raises(ConfigurationError, match=r"there is no validator 'x'; no plugin has a validator$"):
        plugins.get("validator", "x")


# ---- ZENOO_FAST_PLUGINS ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "allowed"), [(None, None), ("", []), ("none", []), (" a, b ,", ["a", "b"]), ("a", ["a"])]
)
def test_the_variable(value: str | None, allowed: list[str] | None) -> None:
    assert allowed_plugins(value) == allowed


def test_only_what_is_allowed_is_loaded(installed: Any, caplog: pytest.LogCaptureFixture) -> None:
    points = installed(bad="no_such_module_at_all", my_good=registering("reporter", {"fine": Thing}))
    assert Plugins(["My-Good"], points).get("reporter", "fine").plugin == "my_good"
    switched_off = Plugins([], points)
    assert switched_off.found() == []
    with pytest.raises(ConfigurationError, match="ZENOO_FAST_PLUGINS restricts plugins to: none"):
        switched_off.get("reporter", "fine")
    assert caplog.text == ""


def test_what_is_asked_for_must_be_installed(installed: Any) -> None:
    plugins = Plugins(["good", "gone"], installed(good=registering("reporter", {"fine": Thing})))
    with pytest.raises(ConfigurationError, match="ZENOO_FAST_PLUGINS asks for a plugin that is not installed: gone"):
        plugins.get("reporter", "fine")


# ---- run events --------------------------------------------------------------------------------------------------


def test_an_event_that_fails_is_told_nothing_more(installed: Any, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    def fails(run: RunInfo) -> None:
        told.append(f"bad {run.run_id}")
        raise LookupError("no\nmonitoring")

    bad = plugin(run_started=fails, run_finished=lambda report: told.append("bad again"))
    good = plugin(run_started=lambda: told.append("good"), run_finished=lambda report: told.append(report.run_id))
    events = Plugins(entry_points=installed(bad=bad, good=good)).events(INFO)
    assert events is not None
    with caplog.at_level(logging.WARNING):
        events.run_started()
        events.run_finished(ImportReport("run", "m", "create"))
    assert sorted(told) == ["bad run", "good", "run"]
    (record,) = caplog.records
    assert record.getMessage() == (
        "plugin bad failed in run_started and is told nothing more: LookupError: no monitoring"
    )


def test_nobody_is_told_where_nobody_listens() -> None:
    assert Plugins(entry_points=[]).events(INFO) is None


# ---- names and specs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "config"),
    [
        ("a", "a", {}),
        ("a=b=c", "a", {"b": "c"}),
        ("a=b=c,d=e=f", "a", {"b": "c", "d": "e=f"}),
        ('a={"b": [1, 2]}', "a", {"b": [1, 2]}),
        ("pkg.mod:Cls=x=1", "pkg.mod:Cls", {"x": "1"}),
    ],
)
def test_names_with_configuration(text: str, name: str, config: dict[str, Any]) -> None:
    assert named(text) == (name, config)


@pytest.mark.parametrize("text", ["", "=a=b", "a=", "a=b", "a={", "a=b=c,", 'a={"b"}'])
def test_wrong_configurations(text: str) -> None:
    with pytest.raises(ConfigurationError):
        named(text)


def test_what_another_process_can_import() -> None:
    assert load(spec_of(EntryPoint)) is EntryPoint

    class Local: ...

    for target, why in ((Local, "defined inside a function"), (Thing(), "neither a class nor a function")):
        with pytest.raises(ConfigurationError, match=why):
            spec_of(target)
    main = type("Main", (), {"__module__": "__main__"})
    with pytest.raises(ConfigurationError, match="defined in the main program"):
        spec_of(main)
    other = type("EntryPoint", (), {"__module__": "importlib.metadata"})
    with pytest.raises(ConfigurationError, match=r"importlib\.metadata:EntryPoint is not"):
        spec_of(other)


def test_a_configuration_that_is_refused_names_the_plugin() -> None:
    with pytest.raises(ConfigurationError, match=r"reporter it \(plugin mine\): TypeError: .*unexpected keyword"):
        Entry("reporter", "it", "mine", Thing).make(size=3)
