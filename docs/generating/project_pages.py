"""Pages of the site made from the texts at the top of the project.

Each keeps its words.  Links to other pages of the site lead there; what is no page of it (source,
benchmarks) stays as the name that it has.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "GLOSSARY.md": "glossary.md",
    "SECURITY.md": "security.md",
    "LICENSE": "licence.md",
    "NOTICE": "notice.md",
}
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def project_page(source: str) -> str:
    """A text at the top of the project as a page of the folder ``project``."""
    text = (ROOT / source).read_text("utf-8")
    if source.endswith(".md"):
        return LINK.sub(_on_the_site, text)
    title = {"LICENSE": "Licence"}.get(source, source.capitalize())
    return f"# {title}\n\n```text\n{text}```\n"


def project_pages() -> dict[str, str]:
    """Every page, by its path below docs."""
    return {f"project/{page}": project_page(source) for source, page in PAGES.items()}


def _on_the_site(link: re.Match[str]) -> str:
    text, target = link["text"], link["target"]
    place, _, anchor = target.partition("#")
    if re.match(r"[a-z]+:|#", target):
        return link[0]
    if place in PAGES:
        return f"[{text}]({PAGES[place]}{'#' + anchor if anchor else ''})"
    if place.startswith("docs/"):
        return f"[{text}](../{target.removeprefix('docs/')})"
    return text
