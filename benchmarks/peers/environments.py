"""One virtual environment a peer, so that nobody's dependencies decide anybody's speed."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

PEERS = {
    "zenoo-rpc": ["zenoo-rpc==0.2.4"],
    "fluvo": ["fluvo==0.0.3"],
    "odoo-client-lib": ["odoo-client-lib==2.0.1"],
    "hand-written": ["aiohttp==3.14.5", "uvloop==0.23.0", "orjson==3.13.0"],
}
"""Name -> exact requirements."""


def cache_folder() -> Path:
    """Where the environments are kept between runs."""
    return Path(os.environ.get("ZENOO_FAST_CACHE", Path.home() / ".cache" / "zenoo-fast")) / "peers"


def environment(peer: str) -> Path:
    """The folder of the peer's environment, made on first use."""
    requirements = PEERS[peer]
    folder = cache_folder() / requirements[0].replace("==", "-")
    done = folder / ".done"
    if not done.exists():
        print(f"setting up {', '.join(requirements)}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", *requirements], check=True)
        done.touch()
    return folder


def versions(peer: str) -> str:
    """The packages a peer's environment holds, ``name==version``, the named ones only."""
    return " ".join(PEERS[peer])
