"""People, their roles, and invitations."""
