"""Static files for production: style sheets joined into one file, every file named by its hash and compressed.

This module only inlines the `@import` lines of one style sheet. Libraries that do it need Node.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from whitenoise.storage import CompressedManifestStaticFilesStorage

#: The style sheet whose imports are inlined. Imported files are in its folder or below, and their `url(…)` are
#: relative to that folder.
JOINED_STYLESHEET: Final = "css/app.css"
_IMPORT: Final = re.compile(r'@import url\("([^"]+)"\);')


class JoinedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Inlines the imports of `JOINED_STYLESHEET`, then hashes and compresses as WhiteNoise does."""

    #: Also replace the names in `import … from "./dom.js"` by hashed names.
    support_js_module_import_aggregation = True

    def post_process(
        self, paths: dict[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str | None, bool | Exception]]:
        if not dry_run and JOINED_STYLESHEET in paths:
            self._join(paths)
            paths[JOINED_STYLESHEET] = (self, JOINED_STYLESHEET)
        yield from super().post_process(paths, dry_run=dry_run, **options)

    def _join(self, paths: dict[str, Any]) -> None:
        folder = JOINED_STYLESHEET.rpartition("/")[0]

        def imported(match: re.Match[str]) -> str:
            storage, path = paths[f"{folder}/{match[1]}"]
            with storage.open(path) as file:
                return str(file.read().decode())

        storage, path = paths[JOINED_STYLESHEET]
        with storage.open(path) as file:
            joined = _IMPORT.sub(imported, file.read().decode())
        Path(self.path(JOINED_STYLESHEET)).write_text(joined)
