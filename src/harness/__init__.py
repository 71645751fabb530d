"""The harness trains, records and evaluates what it is handed. It knows no TOML, no config class and no model."""
