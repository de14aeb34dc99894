"""Transports, validators, progress reporters and sources by anyone: what a plugin needs, from one place.

A plugin is a module (or an object) whose functions are marked with `hookimpl`, named by an entry point of the group
``zenoo_fast``. See the page "Write a plugin" of the documentation.
"""

from zenoo_fast.plugins.hookspecs import hookimpl
from zenoo_fast.plugins.validators import Fault, Validator, ValidatorSpec, Verdict

__all__ = ["Fault", "Validator", "ValidatorSpec", "Verdict", "hookimpl"]
