"""What keyadmin stands on: pure functions and frozen values, without Django and without a database."""
