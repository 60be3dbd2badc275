"""Pages of the site made from texts at the top of the project: run by mkdocs-gen-files.

Each keeps its words.  Links to other pages of the site lead there; what is no page of it (source,
benchmarks) stays as the name that it has.
"""

from __future__ import annotations

import re
from pathlib import Path

import mkdocs_gen_files

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
FOLDER = "project"


def on_the_site(link: re.Match[str]) -> str:
    """A link of a text at the top, as a page in the folder has it."""
    text, target = link["text"], link["target"]
    place, _, anchor = target.partition("#")
    if re.match(r"[a-z]+:|#", target):
        return link[0]
    if place in PAGES:
        return f"[{text}]({PAGES[place]}{'#' + anchor if anchor else ''})"
    if place.startswith("docs/"):
        return f"[{text}](../{target.removeprefix('docs/')})"
    return text


def write_pages() -> None:
    """Write every page."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text("utf-8")
        if source.endswith(".md"):
            text = re.sub(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)", on_the_site, text)
        else:
            text = f"# {source.capitalize().replace('License', 'Licence')}\n\n```text\n{text}```\n"
        with mkdocs_gen_files.open(f"{FOLDER}/{page}", "w") as file:
            file.write(text)


write_pages()
