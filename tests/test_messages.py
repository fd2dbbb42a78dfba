"""What the reader says: every template can be filled, and a language has the last word about texts and numbers."""

from __future__ import annotations

import pickle
import string
from decimal import Decimal

from model.errors import Unreadable
from model.messages import Code, Message


def test_placeholders_take_numbers_codes_and_messages() -> None:
    message = Message(
        Code.NEAR_BOUNDARY,
        distance=Decimal("0.10"),
        boundary=Message(Code.A_TIE, name=Code.NORMAL),
        margin=Decimal("0.30"),
    )
    assert str(message) == (
        "That is only 0.10 log-odds from equal scores with Normal, and readings nearer than 0.30 are called uncertain."
    )
    french = {
        Code.NEAR_BOUNDARY.value: "À {distance} de {boundary}, sous {margin}.",
        Code.A_TIE.value: "l'égalité avec {name}",
        Code.NORMAL.value: "Normal(e)",
    }
    text = message.text(french.__getitem__, lambda value: str(value).replace(".", ","))
    assert text == "À 0,10 de l'égalité avec Normal(e), sous 0,30."


def test_every_template_is_a_format_with_named_placeholders() -> None:
    for code in Code:
        names = [name for _, name, _, _ in string.Formatter().parse(code.value) if name is not None]
        assert all(name.isidentifier() for name in names)
        assert str(Message(code, **dict.fromkeys(names, "x"))).count("{") == 0


def test_an_exception_prints_its_text_and_survives_another_process() -> None:
    error = Unreadable(Message(Code.FILE_TRUNCATED, kind="PNG"))
    assert str(error) == "The PNG file is cut short: copy or export it again and choose that."
    assert pickle.loads(pickle.dumps(error)).message == error.message
