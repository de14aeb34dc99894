"""A conformance kit for plugins, and a pytest plugin: ``pytest_plugins = ["zenoo_fast.testing"]`` in ``conftest.py``.

Three lines test a transport; validators and reporters likewise::

    from zenoo_fast.testing import TransportSuite

    class TestMyTransport(TransportSuite):
        transport = "my_package.transport:MyTransport"

Fixtures: `odoo_sandbox`, a small server that answers like Odoo in a process of its own; `fault_proxy`, which puts a
proxy that breaks connections on purpose in front of any server.
"""

from zenoo_fast.testing.fixtures import ProxyStarter, fault_proxy, odoo_sandbox
from zenoo_fast.testing.reporter import ReporterSuite
from zenoo_fast.testing.transport import TransportSuite
from zenoo_fast.testing.validator import ValidatorSuite

__all__ = ["ProxyStarter", "ReporterSuite", "TransportSuite", "ValidatorSuite", "fault_proxy", "odoo_sandbox"]
