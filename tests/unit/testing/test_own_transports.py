"""Our own transports hold what the kit asks of a third party's."""

from __future__ import annotations

from zenoo_fast.testing import TransportSuite
from zenoo_fast.transports.json2 import Json2Transport


class TestJson2(TransportSuite):
    transport = Json2Transport


class TestJsonRpc(TransportSuite):
    transport = "jsonrpc"
    secret_is_key = False
