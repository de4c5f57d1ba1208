"""PostgreSQL's text of arrays -> JSON text (PostgreSQL documentation, "Arrays", section "Array Input and Output Syntax").

Numbers become JSON numbers, except NaN and the infinities, which JSON does not know; booleans become true and false, NULL
null, everything else JSON strings. Dimensions nest; lower bounds other than 1 are not kept.
"""

from __future__ import annotations

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NUMBERS = ("smallint", "integer", "bigint", "real", "double precision", "numeric")
_DELIMITERS = {"box": ";"}

_PLAIN_NUMBERS = r"^\{[-+.,0-9e{}]*\}$"
_PLAIN_TEXTS = r'^\{[^{}"\\\x00-\x1f]+\}$'
_UNQUOTED_NULL = r"(?i)[{,]null[,}]"
_BOUNDS = re.compile(r"(?:\[-?\d+:-?\d+\])+=")
_JSON_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


def to_json(texts: pa.StringArray, source_type: str) -> pa.StringArray:
    """JSON texts without blanks of arrays of type `source_type` (``text[]``, ``numeric(10,2)[]``); NULL stays NULL.

    Raises ValueError for what is not the text of an array.
    """
    element = source_type.removesuffix("[]").partition("(")[0]
    if element in _NUMBERS:
        plain = pc.match_substring_regex(texts, _PLAIN_NUMBERS)
        ready = pc.replace_substring(pc.replace_substring(texts, "{", "["), "}", "]")
    elif element == "boolean" or element in _DELIMITERS:
        plain, ready = pc.if_else(texts.is_valid(), False, None), texts
    else:
        plain = pc.and_not(pc.match_substring_regex(texts, _PLAIN_TEXTS), pc.match_substring_regex(texts, _UNQUOTED_NULL))
        ready = pc.replace_substring(texts, ",", '","')
        ready = pc.replace_substring(pc.replace_substring(ready, "{", '["'), "}", '"]')
    if pc.all(plain, min_count=0).as_py():
        return ready
    rows = np.flatnonzero(pc.invert(plain).fill_null(False))
    odd = [_one(text, element) for text in texts.take(pa.array(rows)).to_pylist()]
    return pc.replace_with_mask(ready, pc.invert(plain), pa.array(odd, pa.string()))


def _one(text: str, element: str) -> str:
    """One array, token by token."""
    delimiter = _DELIMITERS.get(element, ",")
    bounds = _BOUNDS.match(text)
    token = re.compile(rf'([{{}}{delimiter}])|"((?:[^"\\]|\\.)*)"|((?:[^{{}}{delimiter}"\\]|\\.)+)', re.DOTALL)
    at, depth = bounds.end() if bounds else 0, 0
    pieces: list[str] = []
    while at < len(text):
        match = token.match(text, at)
        if match is None or (depth == 0 and pieces) or (depth == 0 and match[1] != "{"):
            raise ValueError("not an array")
        at = match.end()
        mark, quoted, bare = match.groups()
        depth += {"{": 1, "}": -1}.get(mark, 0)
        if mark:
            pieces.append({"{": "[", "}": "]"}.get(mark, ","))
        elif quoted is not None:
            pieces.append(_string(quoted))
        else:
            pieces.append(_bare(bare, element))
    if depth or not pieces:
        raise ValueError("not an array")
    return "".join(pieces)


def _bare(text: str, element: str) -> str:
    """An element without quotes."""
    if text.upper() == "NULL":
        return "null"
    if element in _NUMBERS and _JSON_NUMBER.fullmatch(text):
        return text
    if element == "boolean" and text in ("t", "f"):
        return "true" if text == "t" else "false"
    return _string(text)


def _string(text: str) -> str:
    return json.dumps(re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL), ensure_ascii=False)
