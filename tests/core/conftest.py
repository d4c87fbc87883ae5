"""Property tests have no deadline: on a busy machine slowness is not a failure."""

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
