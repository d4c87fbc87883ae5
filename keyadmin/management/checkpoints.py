"""The key that signs checkpoints of history: another than any that the web servers know, if it is to prove much."""

import re
import secrets
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keyadmin import env

HOW: Final = "python -c 'import secrets; print(secrets.token_hex(32))'"
_HEX: Final = r"[0-9A-Fa-f]{64}"


def signing_key() -> Ed25519PrivateKey | None:
    """From KEYADMIN_CHECKPOINT_KEY, 64 hex digits; generated in development, None where production has none."""
    value = env.secret("KEYADMIN_CHECKPOINT_KEY")
    if not value and env.environment() == env.DEVELOPMENT:
        value = env.generated("secrets/checkpoint-key", lambda: secrets.token_hex(32))
    if value and not re.fullmatch(_HEX, value):
        raise env.InvalidVariableError(f"KEYADMIN_CHECKPOINT_KEY must be 64 hex digits. Make one: {HOW}")
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(value)) if value else None


def known_keys() -> set[str]:
    """The public keys whose checkpoints count: the signing one's, and KEYADMIN_CHECKPOINT_PUBLIC_KEYS. Who verifies
    needs no signing key, and one that was replaced goes on being known.
    """
    public = {value.lower() for value in env.csv("KEYADMIN_CHECKPOINT_PUBLIC_KEYS")}
    if not all(re.fullmatch(_HEX, value) for value in public):
        raise env.InvalidVariableError(
            "KEYADMIN_CHECKPOINT_PUBLIC_KEYS must be 64 hex digits each: the `key` of checkpoints."
        )
    key = signing_key()
    return public | ({key.public_key().public_bytes_raw().hex()} if key else set())
