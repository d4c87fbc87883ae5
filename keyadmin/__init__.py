"""keyadmin: self-hosted administration of API keys."""

#: The release. Hatchling reads it from this line.
__version__ = "0.2.0"
