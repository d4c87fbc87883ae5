"""Writes 100,000 credentials for every peer.

    python -m benchmarks.peers.fill COUNT FOLDER

writes them into DATABASE_URL, and the first thousand of each peer into FOLDER/<peer>.
"""

import hashlib
import secrets
import sys
from pathlib import Path

import django

CALLING_KEYS = 1000
BATCH = 5000


def main(count: int, folder: Path) -> None:
    django.setup()
    from django.contrib.auth.models import User
    from knox.crypto import create_token_string, hash_token
    from knox.models import AuthToken
    from rest_framework.authtoken.models import Token
    from rest_framework_api_key.models import APIKey

    users = User.objects.bulk_create([User(username=f"user-{n}") for n in range(count)], batch_size=BATCH)
    tokens = [Token(key=secrets.token_hex(20), user=user) for user in users]
    Token.objects.bulk_create(tokens, batch_size=BATCH)

    knox = [create_token_string() for _ in range(count)]
    rows = [
        AuthToken(digest=hash_token(one), token_key=one[:15], user=user, expiry=None)
        for one, user in zip(knox, users, strict=True)
    ]
    AuthToken.objects.bulk_create(rows, batch_size=BATCH)

    keys, api_keys = [], []
    for _ in range(count):
        key, prefix, hashed = APIKey.objects.key_generator.generate()
        keys.append(key)
        name = hashlib.sha256(key.encode()).hexdigest()[:50]  # what the hand-written look-up finds it by
        api_keys.append(APIKey(id=f"{prefix}.{hashed}", prefix=prefix, hashed_key=hashed, name=name))
    APIKey.objects.bulk_create(api_keys, batch_size=BATCH)
    _index_names()

    for name, values in {
        "DRF TokenAuthentication": [token.key for token in tokens],
        "django-rest-knox": knox,
        "djangorestframework-api-key": keys,
        "SHA-256 look-up by the ORM, hand-written": keys,
    }.items():
        (folder / name).write_text("".join(f"{value}\n" for value in values[:CALLING_KEYS]))


def _index_names() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX ON rest_framework_api_key_apikey (name)")
        cursor.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
