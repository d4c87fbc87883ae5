"""The key that signs checkpoints of history: another than any that the web servers know, if it is to prove much."""

import re
import secrets
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keyadmin import env

HOW: Final = "python -c 'import secrets; print(secrets.token_hex(32))'"


def signing_key() -> Ed25519PrivateKey | None:
    """From KEYADMIN_CHECKPOINT_KEY, 64 hex digits; generated in development, None where production has none."""
    value = env.secret("KEYADMIN_CHECKPOINT_KEY")
    if not value and env.environment() == env.DEVELOPMENT:
        value = env.generated("secrets/checkpoint-key", lambda: secrets.token_hex(32))
    if value and not re.fullmatch(r"[0-9A-Fa-f]{64}", value):
        raise env.Bad(f"KEYADMIN_CHECKPOINT_KEY must be 64 hex digits. Make one: {HOW}")
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(value)) if value else None
