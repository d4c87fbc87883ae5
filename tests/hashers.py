"""A cheap variant of the password hasher, for tests whose subject is not the cost of a hash."""

from keyadmin.operations.people.password_hasher import BoundedArgon2PasswordHasher


class CheapArgon2PasswordHasher(BoundedArgon2PasswordHasher):
    """The same algorithm and format with the lowest cost: 0.1 ms instead of 0.2 s of processor time."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
