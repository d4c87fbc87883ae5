"""Operations: the only code that writes rows on behalf of an actor.

Each operation is one keyword-only function. It runs in one audited transaction, whose last statement records one event.
"""
