"""Takes the built AR page along into wheel and source archive, where there is one, which git ignores."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):
    """web/dist becomes knuckle/web/static in a wheel. Without it the wheel is built all the same, and `knuckle ar` says
    how to build the page."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        # An editable install looks into the checkout itself.
        page = Path(self.root) / "web" / "dist"
        if version != "editable" and (page / "index.html").is_file():
            target = "knuckle/web/static" if self.target_name == "wheel" else "web/dist"
            build_data["force_include"][str(page)] = target
