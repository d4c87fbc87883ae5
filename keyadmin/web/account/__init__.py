"""Sign-in, sign-out, password reset and the profile, on django-allauth."""
