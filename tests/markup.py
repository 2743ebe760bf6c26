"""Taking HTML apart, to see what a browser would make of it."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"br", "img", "input", "hr", "meta", "link"}


class Reader(HTMLParser):
    """Takes markup apart: its tags, its attributes, its text, and whether every tag that opens is closed in turn."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.is_whole = True
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        self.is_whole = self.is_whole and not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.is_whole = self.is_whole and bool(self._open) and self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data

    def handle_comment(self, data: str) -> None:
        self.is_whole = False
