"""The vendored Swagger UI is the published one, changed as the module that vendors it says."""

from pathlib import Path

from tests.services.swagger_ui import FOLDER, download, vendored


def test_vendored_files_are_those_of_the_published_package(tmp_path: Path) -> None:
    expected = vendored(download(tmp_path))
    assert {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()} == expected.keys()
    assert [name for name, content in expected.items() if (FOLDER / name).read_bytes() != content] == []


def test_vendored_style_sheet_needs_no_data_urls() -> None:
    style = (FOLDER / "swagger-ui.css").read_text()
    assert "data:" not in style
    assert style.startswith("@layer swagger{")
