"""The plugin: registers the transport ``xmlrpc``. The transport itself is imported when it is used."""

from __future__ import annotations

from collections.abc import Mapping

from zenoo_fast.plugins import hookimpl


@hookimpl
def register_transports() -> Mapping[str, str]:
    """``xmlrpc``."""
    return {"xmlrpc": "zenoo_fast_xmlrpc.transport:XmlRpcTransport"}
