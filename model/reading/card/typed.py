"""JSON -> dataclasses, checked by their annotations; an error names the field."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Parsed = TypeVar("Parsed")
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def parse(kind: type[Parsed], value: object, where: str = "") -> Parsed:
    """Make an instance of a dataclass from what `json.loads` gives.

    Args:
        kind: the dataclass. Its fields may be text, numbers, Any, dataclasses, and tuples, dictionaries and optional
            values of these. A field that has a default may be missing; keys that are no field are passed over.
        value: the decoded JSON.
        where: path of the value, for errors.

    Returns:
        The instance.

    Raises:
        ValueError: a field is missing or of another type; the message names it, such as "input.size is missing".
    """
    return cast(Parsed, _parsed(kind, value, where))


@lru_cache(maxsize=64)
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _parsed(kind: Any, value: object, where: str) -> Any:
    if kind is Any:
        return value
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _parsed(next(a for a in arguments if a is not type(None)), value, where)
    if origin is tuple:
        items = _expect(value, list, "a list", where)
        return tuple(_parsed(arguments[0], item, f"{where}[{number}]") for number, item in enumerate(items))
    if origin is dict:
        items = _expect(value, Mapping, "an object", where)
        return {str(key): _parsed(arguments[1], item, f"{where}.{key}") for key, item in items.items()}
    if is_dataclass(kind):
        return _instance(kind, _expect(value, Mapping, "an object", where), where)
    # JSON does not tell 1 from 1.0, and Python takes True for 1.
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{where} must be {_WORDS[kind]}, not {value!r}")
    return float(value) if kind is float else value


def _instance(kind: Any, value: Mapping[str, object], where: str) -> Any:
    hints, found = _hints(kind), {}
    for field in fields(kind):
        path = f"{where}.{field.name}" if where else field.name
        if field.name in value:
            found[field.name] = _parsed(hints[field.name], value[field.name], path)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{path} is missing")
    return kind(**found)


def _expect(value: object, kind: Any, word: str, where: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{where or 'it'} must be {word}, not {type(value).__name__}")
    return value
