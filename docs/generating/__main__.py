"""Write the pages of the site that are made from other texts, and from the code: ``make docs``.

They lie where the site looks for them, and are no part of the project's history.
"""

from pathlib import Path

from notebook_pages import notebook_pages
from project_pages import project_pages
from reference_pages import reference_pages

DOCS = Path(__file__).parents[1]

PAGES = project_pages() | reference_pages() | notebook_pages()
for place, text in PAGES.items():
    (DOCS / place).write_text(text, encoding="utf-8")
