"""Write the pages of the site that are made from other texts, and from the code: ``make docs``.

They lie where the site looks for them, and are no part of the project's history.
"""

from pathlib import Path

from project_pages import project_pages
from reference_pages import reference_pages

DOCS = Path(__file__).parents[1]

for place, text in (project_pages() | reference_pages()).items():
    (DOCS / place).write_text(text, encoding="utf-8")
