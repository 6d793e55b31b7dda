pytest_plugins = ["iotistic_kit.testing"]
