"""Pages of the site made from the notebooks: their text and their code, in order.

A notebook is stored without outputs, so a page shows what is done and not what came of it; it leads
to the notebook itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
TOLD = "This page is a notebook: [download it](../notebooks/{name}) and run it cell by cell."


def notebook_page(notebook: Path) -> str:
    """The page of one notebook."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    title, *rest = _told(cells)
    heading, _, text = title.partition("\n")
    return "\n\n".join([heading, TOLD.format(name=notebook.name), text.strip(), *rest]) + "\n"


def _told(cells: list[Mapping[str, Any]]) -> Iterator[str]:
    for cell in cells:
        source = "".join(cell["source"])
        yield source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```"


def notebook_pages() -> dict[str, str]:
    """Every page, by its place below the site's folder of texts."""
    return {
        f"tutorials/generated-{notebook.stem}.md": notebook_page(notebook)
        for notebook in sorted(NOTEBOOKS.glob("*.ipynb"))
    }
