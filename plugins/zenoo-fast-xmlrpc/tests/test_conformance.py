"""What zenoo_fast asks of every transport."""

from zenoo_fast.testing import TransportSuite


class TestXmlRpc(TransportSuite):
    transport = "xmlrpc"
