"""The energy and carbon of every request your editor sends to a model."""

__version__ = "0.1.0"
