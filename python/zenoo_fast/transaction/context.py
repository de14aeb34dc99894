"""Helpers around `TransactionManager`: `transaction`, `atomic`, `savepoint`, and contexts for control by hand."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload

from zenoo_fast.engine.observe import finish_before_cancel
from zenoo_fast.transaction.exceptions import TransactionError, TransactionSetupError
from zenoo_fast.transaction.transaction import Transaction

# is bound to the function below after it was bound to this module

if TYPE_CHECKING:
    from types import TracebackType

    from zenoo_fast.transaction.manager import TransactionManager

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")
AsyncFunction = Callable[Parameters, Awaitable[Answer]]


@asynccontextmanager
async def transaction(
    client: Any, transaction_id: str | None = None, auto_commit: bool = True, auto_rollback: bool = True
) -> AsyncIterator[Transaction]:
    """A transaction of a client whose ``transaction_manager`` is set up; see `TransactionManager.transaction`.

    Raises:
        TransactionError: The client does not support transactions.
        TransactionSetupError: Its ``setup_transaction_manager()`` was not called.
    """
    manager = _manager(client)
    async with manager.transaction(transaction_id, auto_commit, auto_rollback=auto_rollback) as current:
        yield current


def _manager(client: Any) -> TransactionManager:
    if not hasattr(client, "transaction_manager"):
        raise TransactionError("Client does not support transactions")
    manager = client.transaction_manager
    if manager is None:
        raise TransactionSetupError("Transaction manager not initialized. Call setup_transaction_manager() first.")
    found: TransactionManager = manager
    return found


@overload
def atomic(client: AsyncFunction[Parameters, Answer]) -> AsyncFunction[Parameters, Answer]: ...
@overload
def atomic(
    client: Any = None, auto_commit: bool = True, auto_rollback: bool = True
) -> Callable[[AsyncFunction[Parameters, Answer]], AsyncFunction[Parameters, Answer]]: ...
def atomic(client: Any = None, auto_commit: bool = True, auto_rollback: bool = True) -> Any:
    """Run an async function in a transaction: ``@atomic``, ``@atomic()`` or ``@atomic(client=client)``.

    Without a client the function's own arguments are searched: one named ``client``, else the first that has a
    ``transaction_manager``. A function with a ``_transaction`` parameter (or ``**kwargs``) is handed the transaction.

    Args:
        client: The client, or the function itself (``@atomic`` without parentheses).
        auto_commit: See `TransactionManager.transaction`.
        auto_rollback: See `TransactionManager.transaction`.

    Raises:
        TransactionError: At the call: no client is found, or it has no transaction manager.

    Example:
        >>> @atomic
        ... async def rename(client, ids, name):
        ...     await client.write("res.partner", ids, {"name": name})
    """

    def decorate(function: Callable[..., Awaitable[Any]], chosen: Any) -> Callable[..., Awaitable[Any]]:
        parameters = inspect.signature(function).parameters
        wants = "_transaction" in parameters or any(
            parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()
        )

        @functools.wraps(function)
        async def run(*args: Any, **kwargs: Any) -> Any:
            owner = chosen if chosen is not None else _find_client(args, kwargs)
            async with transaction(owner, auto_commit=auto_commit, auto_rollback=auto_rollback) as current:
                if wants:
                    kwargs["_transaction"] = current
                return await function(*args, **kwargs)

        return run

    if inspect.isroutine(client):
        return decorate(client, None)
    return functools.partial(decorate, chosen=client)


def _find_client(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if kwargs.get("client") is not None:
        return kwargs["client"]
    for candidate in (*args, *kwargs.values()):
        if hasattr(candidate, "transaction_manager"):
            return candidate
    raise TransactionError(
        "No client provided for atomic transaction. Pass client as decorator argument or function parameter."
    )


class TransactionContext:
    """Transactions committed or rolled back by hand.

    Example:
        >>> context = TransactionContext(client)
        >>> async with context.begin() as tx:
        ...     await client.create("res.partner", {"name": "Company A"})
        ...     await tx.commit()
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.transaction: Transaction | None = None

    @asynccontextmanager
    async def begin(self, transaction_id: str | None = None, auto_commit: bool = False) -> AsyncIterator[Transaction]:
        """See `TransactionManager.transaction`; an exception still rolls back."""
        async with transaction(self.client, transaction_id, auto_commit) as current:
            self.transaction = current
            try:
                yield current
            finally:
                self.transaction = None

    def get_current_transaction(self) -> Transaction | None:
        """The transaction begun here, in its block."""
        return self.transaction


class SavepointContext:
    """A part of a transaction that is undone on its own when it raises.

    Args:
        transaction: The transaction.
        savepoint_name: A name for the savepoint.

    Attributes:
        created_savepoint: The savepoint's id, in the block.

    Example:
        >>> async with client.transaction() as tx:
        ...     company = await client.create("res.partner", {"name": "Company"})
        ...     async with savepoint(tx, "contacts") as part:
        ...         await client.create("res.partner", {"name": "Contact", "parent_id": company})
        ...         await part.rollback()  # the contact only
    """

    def __init__(self, transaction: Transaction, savepoint_name: str | None = None) -> None:
        self.transaction = transaction
        self.savepoint_name = savepoint_name
        self.created_savepoint: str | None = None

    async def __aenter__(self) -> Self:
        """Make the savepoint.

        Raises:
            TransactionError: The transaction has ended.
        """
        if not self.transaction.is_active:
            raise TransactionError("Cannot create savepoint in inactive transaction", self.transaction.id)
        self.created_savepoint = await self.transaction.create_savepoint(self.savepoint_name)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Release the savepoint, or roll back to it where the block raised.

        Raises:
            TransactionRollbackError: Some of it could not be undone.
        """
        if self.created_savepoint is None or not self.transaction.is_active:
            return
        if exc_type is not None:
            await finish_before_cancel(self.transaction.rollback_to_savepoint(self.created_savepoint))
        await self.transaction.release_savepoint(self.created_savepoint)

    async def rollback(self) -> None:
        """Undo what was done since the savepoint.

        Raises:
            TransactionError: Outside its block.
            TransactionRollbackError: Some of it could not be undone.
        """
        if self.created_savepoint is None:
            raise TransactionError("No savepoint to rollback to", self.transaction.id)
        await self.transaction.rollback_to_savepoint(self.created_savepoint)


savepoint = SavepointContext
tx_context = TransactionContext
