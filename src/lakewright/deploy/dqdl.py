"""DQDL, the language of AWS Glue Data Quality: a document of rules, read as far as its faults can be told without AWS.

What a rule says of its table's rows is AWS's to evaluate; here it is seen that each is one that AWS can: its type, its columns,
whether it compares. https://docs.aws.amazon.com/glue/latest/dg/dqdl.html
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection
from typing import NamedTuple

from lakewright.model.names import did_you_mean

MAX_CHARACTERS = 65_536
"""Of a rule set: CreateDataQualityRuleset."""
_TOKEN = re.compile(r'(?P<comment>#[^\n]*)|(?P<text>"(?:\\.|[^"\\])*")|(?P<word>\w+(?:\.\d+)?)|(?P<sign>>=|<=|!=|[^\s"])')
_COMPARISONS = ("=", "!=", ">", ">=", "<", "<=", "between", "in", "not", "matches")
_BEHIND = ("where", "with")


class _Type(NamedTuple):
    """How many texts a rule of a type has at the least and at the most, whether they are columns, and what follows."""

    least: int = 1
    most: int = 1
    columns: bool = True
    compares: bool | None = True
    """Whether a comparison must follow; None where it may."""


_TYPES = {
    **dict.fromkeys(("RowCount", "ColumnCount"), _Type(0, 0)),
    **dict.fromkeys(("ColumnExists", "IsComplete", "IsUnique"), _Type(compares=False)),
    **dict.fromkeys(("ColumnDataType", "ColumnLength", "ColumnValues", "Completeness", "DataFreshness"), _Type()),
    **dict.fromkeys(("DistinctValuesCount", "Entropy", "Mean", "StandardDeviation", "Sum", "Uniqueness"), _Type()),
    "ColumnCorrelation": _Type(2, 2),
    "ColumnNamesMatchPattern": _Type(columns=False, compares=False),
    "CustomSql": _Type(columns=False, compares=None),
    "IsPrimaryKey": _Type(1, 16, compares=False),
    "UniqueValueRatio": _Type(),
}
_ELSEWHERE = {
    **dict.fromkeys(("AggregateMatch", "DatasetMatch", "ReferentialIntegrity", "RowCountMatch", "SchemaMatch"), "another table"),
    **dict.fromkeys(("FileFreshness", "FileMatch", "FileSize", "FileUniqueness"), "files"),
    "DetectAnomalies": "earlier runs",
    "last": "earlier runs",
}
"""What is about more than the rows of its table, which is all that an evaluation of the table is given."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """What is wrong, in which line, and what may mend it."""

    line: int
    message: str
    hint: str | None = None


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


class _Refused(Exception):
    def __init__(self, line: int, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.fault = Fault(line, message, hint)


def fault(document: str, columns: Collection[str]) -> Fault | None:
    """The first fault of a document about a table with these columns; None where nothing is seen to be wrong."""
    try:
        if len(document) > MAX_CHARACTERS:
            raise _Refused(1, f"a rule set may have {MAX_CHARACTERS} characters, this one has {len(document)}")
        _Reader(document, columns).document()
    except _Refused as refused:
        return refused.fault
    return None


class _Reader:
    """The tokens of a document, and how far it was read."""

    def __init__(self, document: str, columns: Collection[str]) -> None:
        self._columns = columns
        self._tokens = []
        for found in _TOKEN.finditer(document):
            line = document.count("\n", 0, found.start()) + 1
            if found.lastgroup != "comment":
                self._tokens.append(_Token(str(found.lastgroup), found[0], line))
        self._end = _Token("end", "the end", document.count("\n") + 1)
        self._at = 0

    def document(self) -> None:
        """``Rules = [ rule, rule ]`` and nothing else."""
        hint = "write Rules = [ rule, rule ]"
        for wanted in ("Rules", "=", "["):
            self._take(wanted, hint)
        self._rule()
        while self._next.text == ",":
            self._at += 1
            self._rule()
        self._take("]", "a comma stands between two rules")
        if self._next != self._end:
            raise _Refused(self._next.line, f"{self._next.text} stands behind the rules", hint)

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else self._end

    def _take(self, wanted: str, hint: str) -> None:
        if self._next.text != wanted:
            raise _Refused(self._next.line, f"{wanted} is missing before {self._next.text}", hint)
        self._at += 1

    def _rule(self) -> None:
        """One rule, or several in parentheses, joined by ``and`` or ``or``."""
        if self._next.text != "(":
            self._simple()
            return
        while True:
            self._take("(", "each of several rules stands in parentheses")
            self._rule()
            self._take(")", "each of several rules stands in parentheses")
            if self._next.text.lower() not in ("and", "or"):
                return
            self._at += 1

    def _simple(self) -> None:
        """A type, its texts, and what follows."""
        name, texts = self._next, list[_Token]()
        kind = _TYPES.get(name.text)
        if name.text in _ELSEWHERE:
            hint = "a Glue job of your own can be given that; the rule sets of tables are evaluated without"
            raise _Refused(name.line, f"{name.text} asks about {_ELSEWHERE[name.text]}", hint)
        if kind is None:
            hint = did_you_mean(name.text, _TYPES) or "https://docs.aws.amazon.com/glue/latest/dg/dqdl-rule-types.html has them"
            raise _Refused(name.line, f"there is no rule type {name.text}", hint)
        self._at += 1
        while self._next.kind == "text":
            texts.append(self._next)
            self._at += 1
        if not kind.least <= len(texts) <= kind.most:
            wanted = "no text" if not kind.most else "one text" if kind.most == 1 else f"{kind.least} to {kind.most} texts"
            raise _Refused(name.line, f"{name.text} has {wanted} in quotes behind it, not {len(texts)}", "a column is a text")
        if kind.columns:
            self._require_columns(texts)
        self._follows(name, kind)

    def _require_columns(self, texts: list[_Token]) -> None:
        for text in texts:
            column = text.text[1:-1]
            if column not in self._columns:
                hint = did_you_mean(column, self._columns) or f"its columns: {', '.join(self._columns)}"
                raise _Refused(text.line, f"the table has no column {column}", hint)

    def _follows(self, name: _Token, kind: _Type) -> None:
        """A comparison where the type has one, then ``where "..."`` and ``with threshold ...``."""
        first = self._next
        if first.text in _COMPARISONS:
            if kind.compares is False:
                raise _Refused(first.line, f"{name.text} is true or not and takes no comparison", f"leave out {first.text}")
            self._at += 1
            self._operands(first)
        elif kind.compares:
            raise _Refused(first.line, f"{name.text} needs a comparison, as > 0 or between 1 and 5", f"found {first.text}")
        while (behind := self._next).text in _BEHIND:
            self._at += 1
            if behind.text == "with":
                self._take("threshold", "as with threshold > 0.9")
                self._at += self._next.text in _COMPARISONS
            self._operands(behind)

    def _operands(self, behind: _Token) -> None:
        """What a comparison compares with: at least one value, up to the end of the rule or what stands behind it."""
        depth, start = 0, self._at
        while (token := self._next) != self._end:
            if token.text in _ELSEWHERE:
                raise _Refused(token.line, f"{token.text} asks about {_ELSEWHERE[token.text]}", "compare with a value")
            if token.text in _TYPES or (not depth and token.text in (",", "]", ")", *_BEHIND)):
                break
            depth += (token.text in "([") - (token.text in ")]")
            self._at += 1
        if self._at == start or depth:
            raise _Refused(behind.line, f"nothing to compare with follows {behind.text}", "a number, a text in quotes, or [a, b]")
