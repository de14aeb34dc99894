"""A small server that answers like Odoo 19, for tests, demonstrations and measurements."""

from zenoo_fast.sandbox.faults import Fault, Faults
from zenoo_fast.sandbox.process import SandboxProcess
from zenoo_fast.sandbox.proxy import FaultProxy, ProxyFault
from zenoo_fast.sandbox.server import Sandbox

__all__ = ["Fault", "FaultProxy", "Faults", "ProxyFault", "Sandbox", "SandboxProcess"]
