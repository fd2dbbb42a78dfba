"""Tables of many columns: what they become, and that nothing in a cell becomes more than text."""

from __future__ import annotations

from html.parser import HTMLParser

from interface.components import tables

TABLE = """| Pictures | What | AUC | n |
| --- | --- | ---: | ---: |
| **cohen**, *outside* | `a < b` and <script>x</script> | 0.79 | 320 |
| [He et al.](https://doi.org/10.1/2) | 2 \\* 3 \\| 4, [no](javascript:x) | 1.0 | 6 |"""


class Read(HTMLParser):
    """The elements and the texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_wide_table_takes_the_focus_and_keeps_its_cells() -> None:
    read = Read()
    read.feed(tables.as_html(TABLE))
    region = next(attributes for tag, attributes in read.found if tag == "div")
    assert (region["role"], region["tabindex"]) == ("region", "0")
    assert region["aria-label"] == "Table: Pictures, What, AUC, n"
    assert [attributes["scope"] for tag, attributes in read.found if tag == "th"] == ["col"] * 4
    assert sum(tag == "td" for tag, _ in read.found) == 8
    assert [a.get("class") for tag, a in read.found if tag == "td"][:4] == [None, None, "right", "right"]


def test_of_markdown_only_what_tables_use_is_understood_and_the_rest_is_text() -> None:
    read = Read()
    read.feed(tables.as_html(TABLE))
    tags = [tag for tag, _ in read.found]
    assert "script" not in tags and {"strong", "em", "code"} <= set(tags)
    assert [attributes["href"] for tag, attributes in read.found if tag == "a"] == ["https://doi.org/10.1/2"]
    text = "".join(read.texts)
    assert "a < b" in text and "<script>x</script>" in text
    assert "2 * 3 | 4, [no](javascript:x)" in text
