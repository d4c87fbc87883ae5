"""All scenes, by name."""

from typing import Final

from tests.browser import admin_scenes, api_docs_scenes, bot_scenes, explain_scenes, key_scenes, scenes, usage_scenes

SCENES: Final[dict[str, scenes.Scene]] = (
    scenes.SCENES
    | usage_scenes.SCENES
    | key_scenes.SCENES
    | explain_scenes.SCENES
    | bot_scenes.SCENES
    | admin_scenes.SCENES
    | api_docs_scenes.SCENES
)
