"""Operations: the only code that changes data on behalf of an actor.

Each operation is a function with keyword-only parameters. It runs in one audited transaction (`audit.transaction`),
whose last statement records one event. Operations raise the errors of `core.errors`.
"""
