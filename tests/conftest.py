pytest_plugins = ["tests.servers", "tests.groups"]
