"""Permissions, channels and tiers."""
