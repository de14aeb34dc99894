pytest_plugins = ["zenoo_fast.testing"]
