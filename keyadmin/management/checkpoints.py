"""The keys of checkpoints: the private key that signs them, and the public keys that verify them.

Keep the private key away from the web servers: an attacker there could otherwise sign a changed history.
"""

import re
import secrets
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keyadmin import env

GENERATE_COMMAND: Final = "python -c 'import secrets; print(secrets.token_hex(32))'"
_HEX: Final = r"[0-9A-Fa-f]{64}"


def signing_key() -> Ed25519PrivateKey | None:
    """The private key from KEYADMIN_CHECKPOINT_KEY, 64 hex digits. Without it: generated in development, else None."""
    value = env.secret("KEYADMIN_CHECKPOINT_KEY")
    if not value and env.environment() == env.DEVELOPMENT:
        value = env.generated("secrets/checkpoint-key", lambda: secrets.token_hex(32))
    if value and not re.fullmatch(_HEX, value):
        raise env.InvalidVariableError(
            f"KEYADMIN_CHECKPOINT_KEY must be 64 hex digits. Generate one: {GENERATE_COMMAND}"
        )
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(value)) if value else None


def accepted_keys() -> set[str]:
    """The public keys whose checkpoints are accepted: that of the private key, and KEYADMIN_CHECKPOINT_PUBLIC_KEYS.

    The variable lets a host verify checkpoints without the private key, and keeps replaced keys accepted.
    """
    public = {value.lower() for value in env.csv("KEYADMIN_CHECKPOINT_PUBLIC_KEYS")}
    if not all(re.fullmatch(_HEX, value) for value in public):
        raise env.InvalidVariableError(
            "KEYADMIN_CHECKPOINT_PUBLIC_KEYS must be public keys, each of 64 hex digits: the `key` of checkpoints."
        )
    key = signing_key()
    return public | ({key.public_key().public_bytes_raw().hex()} if key else set())
