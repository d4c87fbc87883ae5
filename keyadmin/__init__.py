"""keyadmin: self-hosted administration of API keys."""
