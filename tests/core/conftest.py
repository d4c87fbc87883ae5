"""Property tests have no deadline, because a busy machine is slow."""

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
