"""``python -m zenoo_fast`` is ``zenoo-fast``."""

from zenoo_fast.cli.main import main

main()
