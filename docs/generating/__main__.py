"""Write the pages of the site that are made from other texts, and from the code: ``make docs``.

They lie where the site looks for them, and are no part of the project's history.
"""

from project_pages import write_project_pages

write_project_pages()
