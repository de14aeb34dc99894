"""Whether any record can go in at all, asked of the server where its refusal leaves that open.

Over ``/jsonrpc`` a model that does not exist is told of as any other mistake of a user, and a user who may not create
records gets the same error as one who may not create this record. Halving would send each by itself to learn it.
"""

from __future__ import annotations

from zenoo_fast.engine.caller import Caller
from zenoo_fast.engine.outcome import OutcomeKind, ServerError
from zenoo_fast.transports.base import Call
from zenoo_fast.transports.client_object import ClientObjectTransport

_NO_MODEL = frozenset({"odoo.exceptions.UserError", "builtins.AttributeError", "builtins.KeyError"})
"""What old and new servers answer for a model that is not there."""
NO_RIGHT = "odoo.exceptions.AccessError"


async def hopeless(caller: Caller, error: ServerError, model: str, right: str) -> bool:
    """No record of this model can go in; asked once a run for each model and right.

    Args:
        caller: Asks the server; somebody's own client object is not asked what it was not told to.
        error: What the server refused a call with.
        model: Model name.
        right: ``"create"``, ``"write"`` or ``"unlink"``.
    """
    if isinstance(caller.transport, ClientObjectTransport):
        return False
    if error.name in _NO_MODEL:
        return not await _known(caller, (model, ""), Call(model, "fields_get", {"allfields": ["id"]}))
    if error.name == NO_RIGHT:
        arguments = {"operation": right, "raise_exception": False}
        return not await _known(caller, (model, right), Call(model, "check_access_rights", arguments))
    return False


async def _known(caller: Caller, what: tuple[str, str], call: Call) -> bool:
    """The answer, where there is one: a server that cannot be asked is taken to be willing."""
    if what not in caller.known:
        outcome = await caller.send(caller.timed(call))
        if what[1]:
            caller.known[what] = outcome.kind is not OutcomeKind.COMMITTED or outcome.value() is not False
        else:
            caller.known[what] = outcome.kind is not OutcomeKind.REFUSED
    return caller.known[what]
