"""Languages: no text without its translation, each session in its own, and the same answers in all."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from typing import Any

import pytest
from babel.messages import Catalog
from babel.messages.catalog import Message as Entry
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from google.protobuf.message import Message as Protobuf  # type: ignore[import-untyped]
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from interface.components import viewer
from interface.core import labels, language
from model.messages import Code, Message
from scripts import messages
from tests.app_fixtures import PATIENCE
from tests.conftest import ROOT

OTHERS = [name for name in language.LANGUAGES if name != language.ENGLISH]
MARKUP = re.compile(r"<[^>]*>|`[^`]*`|\$[^$]*\$|[<>`$]")
PLACEHOLDER = re.compile(r"\{\w+\}")
# What a browser is sent beside texts; the viewer's own code is in English and looks its words up.
NO_TEXT = ("id", "anchor", "elementId", "formId", "icon", "userKey", "words", "htmlContent", "jsContent", "cssContent")
# Words of the card and of the names of collections.
OF_THE_CARD = ("normal", "Image")
BAD_FILES = [
    ("a.pdf", b"%PDF-1.7 and more", "{what}"),
    ("empty.png", b"", "The file is empty"),
    ("notes.txt", b"no radiograph at all", "This is text"),
    ("cut.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "damaged or incomplete"),
]


def visit(locale: str = "en-US", **query: str) -> AppTest:
    """A new visitor, with the bundle that ships: it has lungs, an input check and three operating points."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
    app.context["locale"] = locale
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


@pytest.fixture(autouse=True)
def as_on_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundle that ships; and every run goes through app.py, as on a server once it has run `st.navigation`.

    AppTest forgets that between two runs, and runs the page alone because of the folder `pages`.
    """
    monkeypatch.delenv("CXR_BUNDLE", raising=False)
    begin = PagesManager.__init__

    def begun(self: PagesManager, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", begun)


def strings(value: Any) -> Iterator[str]:
    """All texts in what a browser is sent, without the keys, identifiers and addresses among them."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key not in NO_TEXT:
                yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str) and value.startswith('{"'):
        yield from strings(json.loads(value))
    elif isinstance(value, str) and not value.startswith(("data:", "/media")):
        yield value


def drawn(app: AppTest) -> list[str]:
    """Everything that a page shows or says to a screen reader, in its order."""
    found: list[str] = []
    for node in app._tree:
        proto = getattr(node, "proto", None)
        if isinstance(proto, Protobuf) and node.type != "code":  # how to cite, in English
            found += strings(MessageToDict(proto))
    return found


def entries(catalogue: Catalog) -> list[Entry]:
    """The texts of a catalogue, without its header."""
    return [message for message in catalogue if message.id]


def texts(text: str | Sequence[str] | None) -> list[str]:
    """One text, or the forms of one with a number; an absent one is empty."""
    return [text or ""] if text is None or isinstance(text, str) else list(text)


def left_in_english(app: AppTest, name: str) -> list[str]:
    """Texts of the catalogue that the page shows in English although the language says them otherwise."""
    return english_in(drawn(app), name)


def english_in(parts: Sequence[str], name: str) -> list[str]:
    """The same for parts of a page."""
    shown = "\n".join(parts)
    found = []
    for message in entries(messages.read(name)):
        for english, said in zip(texts(message.id), texts(message.string), strict=False):
            longest = max(PLACEHOLDER.split(english or ""), key=len).strip(" .:,;")
            if len(longest) > 4 and longest not in OF_THE_CARD and longest.lower() not in said.lower():
                found += re.findall(rf"(?<!\w){re.escape(longest)}(?!\w)", shown)
    return found


@pytest.mark.parametrize("name", OTHERS)
def test_every_text_of_the_code_has_a_translation_and_no_other_text_has(name: str) -> None:
    here = messages.read(name)
    assert {message.id for message in here} == {message.id for message in messages.used()}, "run scripts.messages"
    assert messages.text(messages.updated(name)) == messages.path(name).read_text(encoding="utf-8"), (
        "run python -m scripts.messages"
    )
    assert not [message.id for message in entries(here) if not all(part.strip() for part in texts(message.string))]
    assert not [message.id for message in entries(here) if message.fuzzy]


@pytest.mark.parametrize("name", OTHERS)
def test_the_compiled_catalogue_is_that_of_the_translators(name: str) -> None:
    assert messages.path(name, "mo").read_bytes() == messages.compiled(messages.read(name)), "run scripts.messages"


@pytest.mark.parametrize("name", OTHERS)
def test_placeholders_and_markup_survive_the_translation(name: str) -> None:
    for message in entries(messages.read(name)):
        english = texts(message.id)[0]
        for said in filter(None, texts(message.string)):
            assert sorted(PLACEHOLDER.findall(said)) == sorted(PLACEHOLDER.findall(english)), english
            assert re.sub(PLACEHOLDER, "", said).count("{") == re.sub(PLACEHOLDER, "", english).count("{")
            # The commands in a text have to be typed as they are.
            for literal in ("python -m model read", "pydicom-data", "\n\n", "**", "*name*", "doi:", "ResNet50"):
                assert said.count(literal) == english.count(literal), (english, literal)
            assert said.count("*") == english.count("*"), english
            # A translation brings no markup of its own.
            assert sorted(MARKUP.findall(said)) == sorted(MARKUP.findall(english)), english


@pytest.mark.parametrize("name", language.LANGUAGES)
def test_percent_signs_stand_as_the_language_has_them(name: str) -> None:
    said = [message.string for message in messages.read(name)] if name in OTHERS else [m.id for m in messages.used()]
    signs = {sign for text in said for part in texts(text) for sign in re.findall(r"[\d}](\s?)%", part)}
    assert signs == {language.SIGNS.get(name, language.Signs()).before_percent}


@pytest.mark.parametrize("name", OTHERS)
def test_numbers_have_the_forms_that_the_language_has(name: str) -> None:
    spoken = language.catalogue(name)
    forms = {spoken.ngettext("{count} reading", "{count} readings", n) for n in (0, 1, 2)}
    assert forms <= {"{count} reading", "{count} readings"}
    for message in entries(messages.read(name)):
        assert len(texts(message.string)) == len(texts(message.id))
        if message.pluralizable and all(texts(message.string)):
            one, many = texts(message.id)
            assert {spoken.ngettext(one, many, n) for n in range(20)} == set(texts(message.string))


@pytest.mark.parametrize("name", OTHERS)
def test_the_warning_says_research_and_no_device(name: str) -> None:
    said = language.catalogue(name).gettext(labels.NOT_A_DEVICE)
    wanted = {
        "es": ("investigación", "docencia", "no es un producto sanitario", "dispositivo médico"),
        "fr": ("recherche", "enseignement", "n'est pas un dispositif médical"),
        "hi": ("शोध", "शिक्षा", "कोई चिकित्सा उपकरण नहीं"),
    }
    assert all(part in said for part in wanted[name])


def test_what_the_reader_says_is_in_the_language_of_the_page() -> None:
    spoken = language.catalogue("fr")
    message = Message(Code.FORMAT_OTHER, what=Code.A_PDF, advice=Code.EXPORT_RADIOGRAPH)
    text = message.text(spoken.gettext)
    assert str(message) == "This is a PDF document: export the radiograph in it as PNG or DICOM and choose that."
    assert spoken.gettext(Code.A_PDF.value) in text and "PDF document" not in text


def test_the_viewer_has_no_label_without_a_translation() -> None:
    class Texts(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found: set[str] = set()

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found |= {" ".join((value or "").split()) for key, value in attrs if key in ("title", "aria-label")}

        def handle_data(self, data: str) -> None:
            if re.search("[A-Za-z]", data):
                self.found.add(" ".join(data.split()))

    texts = Texts()
    folder = ROOT / "interface" / "components"
    texts.feed((folder / "viewer.html").read_text(encoding="utf-8"))
    keys = re.search(r'const KEYS = "(.+)";', (folder / "viewer.js").read_text(encoding="utf-8"))
    assert keys and texts.found | {keys[1]} == set(viewer.LABELS)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("page", ["read", "batch", "prevalence", "quiz", "classroom", "data", "about"])
def test_pages_are_drawn_without_a_word_of_english(name: str, page: str) -> None:
    app = visit(f"{name}-XX")
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    assert app.title[0].value == language.catalogue(name).gettext(app_title(page))
    assert not left_in_english(app, name)


def app_title(page: str) -> str:
    return "Chest X-ray reader" if page == "read" else page.capitalize()


@pytest.mark.parametrize("name", OTHERS)
def test_a_reading_is_told_in_the_language(name: str) -> None:
    app = visit(name)
    app.button(key="try_sample").click().run()
    assert not app.exception
    (item,) = app.session_state.shelf.items.values()
    for point in app.segmented_control(key="op").options:
        assert not re.match("Balanced|Sens|Spec", point) or name in ("es", "fr")
    for point in ("specificity_90", "sensitivity_95", "balanced"):
        app.segmented_control(key="op").set_value(point).run()
        assert not left_in_english(app, name), point
    app.session_state.whatif_open = True
    app.run()
    assert not app.exception and len(app.image) >= 4
    assert not left_in_english(app, name)
    said = language.catalogue(name).gettext
    findings = [
        said(text) for text in ("COVID-19 pattern", "Other lung disease", "Normal", "Uncertain: {first} or {second}")
    ]
    assert app.header[0].value.startswith(tuple(finding.split("{")[0] for finding in findings))
    assert str(item.reading.reasons[0]).startswith("The COVID-19 pattern score"), "what is kept and exported is English"
    assert json.loads(viewed(app)["content"])["language"] == name


def viewed(app: AppTest) -> dict[str, Any]:
    found = [json.loads(one.proto.json) for one in app.get("bidi_component") if one.proto.json]
    (shown,) = (one for one in found if "content" in one)
    return dict(shown)


@pytest.mark.parametrize("name", OTHERS)
def test_refusals_are_told_in_the_language_and_told_anew_after_a_switch(
    name: str, picture: Callable[..., tuple[str, bytes, str]]
) -> None:
    app = visit(name)
    files = [(file, data, "application/octet-stream") for file, data, _ in BAD_FILES]
    app.file_uploader[0].set_value([*files, picture()]).run()
    assert not app.exception
    assert app.error and not left_in_english(app, name)
    app.query_params["lang"] = "en"
    app.run()
    for _, _, part in BAD_FILES[1:]:
        assert part in app.error[0].value
    assert "This is a PDF document" in app.error[0].value


@pytest.mark.parametrize("name", OTHERS)
def test_a_batch_and_a_quiz_are_told_in_the_language(name: str, picture: Callable[..., tuple[str, bytes, str]]) -> None:
    app = visit(name)
    sample = (ROOT / "missing").name, b"GIF89a....", "image/gif"
    app.switch_page("pages/batch.py").run()
    app.file_uploader[0].set_value([sample, ("x.png", picture("covid19", 1)[1], "image/png")]).run()
    assert not app.exception and not left_in_english(app, name)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("covid19/a.png", picture("covid19", 1)[1])
        archive.writestr("elsewhere/b.png", b"")
    app.switch_page("pages/quiz.py").run()
    app.file_uploader[0].set_value(("set.zip", packed.getvalue(), "application/zip")).run()
    app.button(key="quiz_begin_files").click().run()
    assert not app.exception and not left_in_english(app, name)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(("page", "english"), [("evidence", "Choose a section"), ("card", "From score to decision")])
def test_a_page_that_goes_on_in_english_says_where_and_mixes_no_languages(page: str, english: str, name: str) -> None:
    app = visit(name)
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    said = language.catalogue(name).gettext
    assert app.title[0].value == said("Evidence" if page == "evidence" else "Model card")
    parts = drawn(app)
    switch = parts.index(said("The rest of this page is in English."))
    assert not english_in(parts[:switch], name)
    rest = "\n".join(parts[switch + 1 :])
    assert english in rest and said("COVID-19 pattern") not in rest, "two languages"
    app.switch_page("pages/about.py").run()
    assert app.title[0].value == said("About")


@pytest.mark.parametrize("page", ["evidence", "card"])
def test_a_page_in_english_needs_no_such_note(page: str) -> None:
    app = visit()
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception and "page is in English" not in "\n".join(drawn(app))


@pytest.mark.parametrize(
    ("locale", "query", "name"),
    [
        ("es-MX", {}, "es"),
        ("hi-IN", {}, "hi"),
        ("fr_CA", {}, "fr"),
        ("de-DE", {}, "en"),
        ("", {}, "en"),
        ("es-ES", {"lang": "fr"}, "fr"),
        ("es-ES", {"lang": "en"}, "en"),
        ("es-ES", {"lang": "<b>klingon"}, "es"),
    ],
)
def test_the_address_comes_before_the_browser(locale: str, query: dict[str, str], name: str) -> None:
    app = visit(locale, **query)
    assert not app.exception
    expected = "Chest X-ray reader" if name == "en" else language.catalogue(name).gettext("Chest X-ray reader")
    assert app.title[0].value == expected


def test_a_choice_holds_on_every_page_and_is_in_the_address() -> None:
    app = visit("fr-FR")
    assert "lang" not in app.query_params
    app.query_params["lang"] = "hi"
    app.run()
    assert app.title[0].value == "छाती का एक्स-रे रीडर"
    assert app.query_params["lang"] in ("hi", ["hi"])
    app.query_params.clear()  # as a browser that goes to another page
    app.switch_page("pages/about.py").run()
    assert app.title[0].value == "परिचय"
    assert app.query_params["lang"] in ("hi", ["hi"])
    app.query_params["lang"] = "en"
    app.run()
    assert app.title[0].value == "About"


def test_sessions_speak_their_own_languages_side_by_side() -> None:
    apps = {name: visit(name) for name in language.LANGUAGES}
    for page in ("about", "prevalence", "read"):
        for name, app in apps.items():
            app.switch_page(f"pages/{page}.py").run()
            said = (lambda text: text) if name == "en" else language.catalogue(name).gettext
            assert app.title[0].value == said(app_title(page))
            assert said(labels.NOT_A_DEVICE) in "\n".join(drawn(app)) or page == "about"


def test_what_runs_outside_a_session_speaks_english() -> None:
    visit("es")
    assert language.spoken() == "en"
    assert labels.class_name("covid19") == "COVID-19 pattern" and labels.percent(0.5) == "50%"
    assert language.tr(Message(Code.FILE_EMPTY)).startswith("The file")
