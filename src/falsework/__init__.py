"""Layered TOML files -> frozen attrs objects, every value traceable to file:line:col. It can be struck at any time."""

from falsework.config import Config
from falsework.layers import split_argument
from falsework.load import load
from falsework.problems import ConfigError, Problem

__all__ = ["Config", "ConfigError", "Problem", "load", "split_argument"]
