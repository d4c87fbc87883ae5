"""Writes `static/vendor/swagger-ui/` from the npm package swagger-ui-dist: `python -m tests.services.swagger_ui`.

To update it, set VERSION, and INTEGRITY to the output of `npm view swagger-ui-dist@VERSION dist.integrity`. The files
are those of the package, with these changes in the style sheet, which the Content-Security-Policy and the other style
sheets need: images in `data:` URLs are files, all rules are in the cascade layer `swagger`, and there is no source map.
"""

import base64
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

from keyadmin.env import ROOT

VERSION: Final = "5.35.0"
INTEGRITY: Final = "sha512-U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ=="
FOLDER: Final = ROOT / "static" / "vendor" / "swagger-ui"
COPIED: Final = ("LICENSE", "NOTICE", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt")
STYLESHEET: Final = "swagger-ui.css"
_SOURCE_MAP: Final = re.compile(r"/\*# sourceMappingURL=[^*]*\*/\s*")
_DATA_URL: Final = re.compile(
    r"""url\((?:"data:(?P<quoted>(?:[^"\\]|\\.)*)"|data:(?P<plain>[^)]*))\)""",
)
_README: Final = """\
swagger-ui-dist {version} (npm, {integrity}), under the Apache License 2.0: see LICENSE and NOTICE.
The licences of what the bundle contains are in swagger-ui-bundle.js.LICENSE.txt.

`python -m tests.services.swagger_ui` writes this folder. Its docstring says what differs from the package.
"""


def download(folder: Path) -> dict[str, bytes]:
    """The files of the published package by name. Fails if the package is not the one with this INTEGRITY."""
    command = ["npm", "pack", f"swagger-ui-dist@{VERSION}", "--silent", f"--pack-destination={folder}"]
    subprocess.run(command, cwd=folder, check=True, timeout=300)
    (archive,) = folder.glob("*.tgz")
    packed = archive.read_bytes()
    digest = base64.b64encode(hashlib.sha512(packed).digest()).decode()
    if f"sha512-{digest}" != INTEGRITY:
        raise ValueError(f"swagger-ui-dist {VERSION} has the digest sha512-{digest}, not INTEGRITY.")
    with tarfile.open(fileobj=BytesIO(packed)) as files:
        members = [(member.name.removeprefix("package/"), files.extractfile(member)) for member in files.getmembers()]
        return {name: file.read() for name, file in members if file}


def vendored(package: dict[str, bytes]) -> dict[str, bytes]:
    """The files of FOLDER by name."""
    images: dict[str, bytes] = {}

    def name_of_image(match: re.Match[str]) -> str:
        kind, _, data = (match["quoted"] or match["plain"]).partition(",")
        is_base64 = kind.endswith(";base64")
        content = base64.b64decode(data) if is_base64 else unquote_to_bytes(data.replace("\\", ""))
        suffix = re.sub(r"image/(\w+).*", r"\1", kind)
        name = f"images/{hashlib.sha256(content).hexdigest()[:8]}.{suffix}"
        images[name] = content
        return f'url("{name}")'

    style = _SOURCE_MAP.sub("", package[STYLESHEET].decode())
    style = f"@layer swagger{{{_DATA_URL.sub(name_of_image, style).rstrip()}}}\n"
    readme = _README.format(version=VERSION, integrity=INTEGRITY)
    copied = {name: package[name] for name in COPIED}
    return copied | images | {STYLESHEET: style.encode(), "README.md": readme.encode()}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        files = vendored(download(Path(folder)))
    for name, content in files.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for path in FOLDER.rglob("*"):
        if path.is_file() and str(path.relative_to(FOLDER)) not in files:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
