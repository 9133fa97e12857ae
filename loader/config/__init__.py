"""The YAML configuration, parsed once into typed settings; each problem is told with its line."""
