"""XML from others, element by element: without document types, so that nothing in it grows.

Python's own parser expands what a document type defines; a file of some lines can fill a machine's
memory.  What tools write has none.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from xml.etree import ElementTree

_DOCUMENT_TYPE = (b"<!DOCTYPE", b"<!ENTITY")
_DEEPEST = 100


class NotXml(ValueError):
    """What is no such XML; ``str()`` is the reason, in a few words."""


def elements_in(data: bytes, tags: Collection[str]) -> Iterator[ElementTree.Element]:
    """Yield the elements of some tags in their order, each when it ends; they are let go after.

    Text is UTF-8, whatever the file declares.  Raises NotXml.
    """
    if any(mark in data for mark in _DOCUMENT_TYPE):
        raise NotXml("it defines a document type, which is not read")
    # Fixed, so that no other encoding hides what was looked for.
    parser = ElementTree.XMLParser(encoding="utf-8")
    open_elements: list[ElementTree.Element] = []
    try:
        for event, element in ElementTree.iterparse(io.BytesIO(data), ("start", "end"), parser):
            if event == "start":
                open_elements.append(element)
                if len(open_elements) > _DEEPEST:
                    raise NotXml(f"elements lie more than {_DEEPEST} deep in one another")
                continue
            open_elements.pop()
            if element.tag in tags:
                yield element
                if open_elements:
                    open_elements[-1].remove(element)
    except ElementTree.ParseError as error:
        raise NotXml(str(error)) from error
