"""Random expressions of what a transform takes, each with its parts, so that the smallest that differs can be named."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.integration.expressions.odd_rows import COLUMNS, TEXTS

NUMBERS = ("whole", "decimal", "real")
KINDS = (*NUMBERS, "text", "flag", "day", "moment", "bytes")


@dataclass(frozen=True)
class Expression:
    """`text` is Spark SQL; `parts` are expressions of their own."""

    text: str
    parts: tuple["Expression", ...] = ()
    operator: str = ""  # sum, predicate, or another that binds in its own way

    def below(self) -> Iterator["Expression"]:
        """It and all of its parts, the smaller ones first."""
        for part in self.parts:
            yield from part.below()
        yield self


def expressions(random: Random, count: int, depth: int = 3) -> list[Expression]:
    made = _Generator(random)
    return [made.any(random.choice(KINDS), random.randint(1, depth)) for _ in range(count)]


def _kind_of(hive: str) -> str:
    name = hive.partition("(")[0]
    if name in ("string", "varchar", "char"):
        return "text"
    others = {"boolean": "flag", "date": "day", "timestamp": "moment", "binary": "bytes", "decimal": "decimal"}
    return others.get(name) or ("real" if name in ("float", "double") else "whole")


COLUMNS_OF = {kind: [name for name, hive in COLUMNS.items() if _kind_of(hive) == kind] for kind in KINDS}
LITERALS = {
    "whole": (
        *("0", "1", "-1", "2", "3", "7", "10", "-2", "100", "127", "-128", "32767", "2147483647", "-2147483648"),
        *("2147483648", "-2147483649", "9223372036854775807", "-9223372036854775808", "1000000007", "007"),
    ),
    "decimal": (
        *("1.1", "0.5", "-0.5", "1.50", "0.05", "100.00", "2.675", ".5", "5.", "-1.005", "0.0", "9223372036854775808"),
        *("0.00000000000000000001", "12345678901234567890.123456789", "99999999999999999999999999999999999999"),
        *("-9223372036854775809.5", "0.33333333333333333333333333333333333333", "1.000000", "1.5BD"),
    ),
    "real": ("1e0", "1e3", "-1.5e0", "1e-9", "1e308", "0e0", "2.5D", "1.1D", "0.1D", "1.5F", "0.1F", "1e38", "-0e0"),
    "flag": ("true", "false"),
    "day": ("date '2000-02-29'", "date '0001-01-01'", "date '1582-10-10'", "cast('1970-01-01' as date)"),
    "moment": ("timestamp '2000-02-29 12:00:00.1'", "timestamp '0001-01-01 00:00:00'", "timestamp '1969-12-31'"),
    "bytes": (),
}
CASTS = {
    "whole": ("tinyint", "smallint", "int", "bigint"),
    "decimal": ("decimal(10,2)", "decimal(38,18)", "decimal(38,0)", "decimal(5,5)", "decimal(12,2)", "decimal(1,0)"),
    "real": ("float", "double"),
}
SHORT = ("decimal(10,2)", "decimal(5,5)", "decimal(12,2)", "decimal(1,0)")
"""For what may be a real: before Java 19 its spelling is not always the shortest, so its last digits differ."""
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\0": "\\0", "\u00a0": "\\u00a0", "\t": "\\t", "\r": "\\r"}


def quoted(text: str) -> str:
    """As a literal of Spark SQL."""
    return "'" + "".join(_ESCAPES.get(char, char) for char in text) + "'"


@dataclass(frozen=True)
class _Generator:
    random: Random

    def any(self, kind: str, depth: int) -> Expression:
        if depth <= 0 or self.random.random() < 0.1:
            return self.leaf(kind)
        return self.random.choice([*_MAKERS[kind], _choice, _coalesce])(self, kind, depth - 1)

    def leaf(self, kind: str) -> Expression:
        chance = self.random.random()
        if chance < 0.04:
            return Expression("null")
        if chance < 0.4 and kind == "text":
            return Expression(quoted(self.random.choice([text for text in TEXTS if len(text) < 30])))
        if chance < 0.4 and LITERALS[kind]:
            return Expression(self.random.choice(LITERALS[kind]))
        return Expression(self.random.choice(COLUMNS_OF[kind]))

    def number(self, depth: int) -> Expression:
        return self.any(self.random.choice(NUMBERS), depth)

    def made(self, template: str, *parts: Expression, operator: str = "") -> Expression:
        """Operators among an operator's parts stand in parentheses, mostly; where Spark wants them, always."""

        def bare(part: Expression) -> bool:
            may = part.operator == "sum" or operator == "logic"
            return not operator or not part.operator or (may and self.random.random() < 0.1)

        spelled = [part.text if bare(part) else f"({part.text})" for part in parts]
        return Expression(template.format(*spelled), parts, operator)

    def listed(self, name: str, parts: Sequence[Expression]) -> Expression:
        return self.made(f"{name}({', '.join('{}' for _ in parts)})", *parts)


_Maker = Callable[[_Generator, str, int], Expression]


def _choice(of: _Generator, kind: str, depth: int) -> Expression:
    flag, one, other = of.any("flag", depth), of.any(kind, depth), of.any(kind, depth)
    templates = (
        "if({}, {}, {})",
        "case when {} then {} else {} end",
        "case when {} then {} when true then {} end",
    )
    return of.made(of.random.choice(templates), flag, one, other)


def _coalesce(of: _Generator, kind: str, depth: int) -> Expression:
    name = of.random.choice(["coalesce", "nvl", "nullif", "greatest", "least", "greatest"])
    other = of.random.choice(NUMBERS) if kind in NUMBERS and of.random.random() < 0.4 else kind
    parts = [of.any(kind, depth), of.any(other, depth)]
    if name in ("coalesce", "greatest", "least") and of.random.random() < 0.5:
        parts.append(of.any(kind, depth))
    return of.listed(name, parts)


def _arithmetic(of: _Generator, kind: str, depth: int) -> Expression:
    if of.random.random() < 0.15:
        return of.made(of.random.choice(["-{}", "abs({})"]), of.any(kind, depth), operator="sum")
    sign = of.random.choice("+-*/%")
    other = of.random.choice(NUMBERS) if of.random.random() < 0.4 else kind
    return of.made(f"{{}} {sign} {{}}", of.any(kind, depth), of.any(other, depth), operator="sum")


def _cast_number(of: _Generator, kind: str, depth: int) -> Expression:
    given = "flag" if of.random.random() < 0.1 else of.random.choice(NUMBERS)
    part = of.any(given, depth)
    targets = SHORT if kind == "decimal" and (given != "decimal" or part.parts) else CASTS[kind]
    return of.made(f"cast({{}} as {of.random.choice(targets)})", part)


def _length(of: _Generator, kind: str, depth: int) -> Expression:
    return of.made("length({})", of.any("text", depth))


def _text_of_one(of: _Generator, kind: str, depth: int) -> Expression:
    name = of.random.choice(["upper", "lower", "trim", "ltrim", "rtrim"])
    return of.made(f"{name}({{}})", of.any("text", depth))


def _piece(of: _Generator, kind: str, depth: int) -> Expression:
    text, count, length = of.any("text", depth), _count(of, depth), _count(of, depth)
    template = of.random.choice(["left({}, {})", "right({}, {})", "substring({}, {})", "substr({}, {}, {})"])
    return of.made(template, text, count, *([length] if template.count("{}") == 3 else []))


def _count(of: _Generator, depth: int) -> Expression:
    if of.random.random() < 0.3:
        return Expression(of.random.choice(["i1", "i2", "i4", "length(s)"]))
    return Expression(of.random.choice(["0", "1", "2", "3", "-1", "-2", "-100", "100", "2147483647", "-2147483648"]))


def _joined(of: _Generator, kind: str, depth: int) -> Expression:
    others = ("text", "text", "whole", "decimal", "day", "moment", "flag")
    parts = [of.any("text", depth), of.any(of.random.choice(others), depth)]
    of.random.shuffle(parts)
    if of.random.random() < 0.5:
        return of.made("{} || {}", *parts, operator="sum")
    return of.listed("concat", parts)


def _replaced(of: _Generator, kind: str, depth: int) -> Expression:
    parts = [of.any("text", depth), of.leaf("text"), of.any("text", depth)]
    return of.listed("replace", parts[: of.random.choice([2, 3, 3])])


def _spelled(of: _Generator, kind: str, depth: int) -> Expression:
    given = of.random.choice(["whole", "decimal", "day", "moment", "flag", "text"])
    return of.made("cast({} as string)", of.any(given, depth))


def _compared(of: _Generator, kind: str, depth: int) -> Expression:
    one = of.random.choice(KINDS)
    other = of.random.choice(NUMBERS) if one in NUMBERS else one
    if of.random.random() < 0.1 and one in ("day", "moment"):
        other = "moment" if one == "day" else "day"
    sign = of.random.choice(["=", "<>", "!=", "<", "<=", ">", ">=", "<=>", "=="])
    return of.made(f"{{}} {sign} {{}}", of.any(one, depth), of.any(other, depth), operator="predicate")


def _between(of: _Generator, kind: str, depth: int) -> Expression:
    one = of.random.choice(KINDS)
    negated = of.random.choice(["", "not "])
    parts = [of.any(one, depth) for _ in range(3)]
    return of.made(f"{{}} {negated}between {{}} and {{}}", *parts, operator="predicate")


def _among(of: _Generator, kind: str, depth: int) -> Expression:
    one = of.random.choice(KINDS)
    items = [
        of.any(of.random.choice(NUMBERS) if one in NUMBERS else one, depth - 1) for _ in range(of.random.randint(1, 4))
    ]
    negated = of.random.choice(["", "not "])
    return of.made(
        f"{{}} {negated}in ({', '.join('{}' for _ in items)})", of.any(one, depth), *items, operator="predicate"
    )


def _like(of: _Generator, kind: str, depth: int) -> Expression:
    pattern = "".join(of.random.choices(["%", "_", "a", "b", "ß", " ", "😀", "A", ".", "x"], k=of.random.randint(0, 5)))
    negated = of.random.choice(["", "not "])
    return of.made(f"{{}} {negated}like {quoted(pattern)}", of.any("text", depth), operator="predicate")


def _is(of: _Generator, kind: str, depth: int) -> Expression:
    if of.random.random() < 0.6:
        asked = of.random.choice(["is null", "is not null"])
        return of.made(f"{{}} {asked}", of.any(of.random.choice(KINDS), depth), operator="predicate")
    asked = of.random.choice(["is true", "is not true", "is false", "is not false"])
    return of.made(f"{{}} {asked}", of.any("flag", depth), operator="predicate")


def _logic(of: _Generator, kind: str, depth: int) -> Expression:
    if of.random.random() < 0.2:
        return of.made(of.random.choice(["not {}", "! {}"]), of.any("flag", depth), operator="logic")
    word = of.random.choice(["and", "or"])
    return of.made(f"{{}} {word} {{}}", of.any("flag", depth), of.any("flag", depth), operator="logic")


def _by_case(of: _Generator, kind: str, depth: int) -> Expression:
    one = of.random.choice(KINDS)
    parts = (of.any(one, depth), of.any(one, depth), of.any(kind, depth), of.any(kind, depth))
    return of.made("case {} when {} then {} else {} end", *parts)


def _to_day(of: _Generator, kind: str, depth: int) -> Expression:
    return of.made("cast({} as date)", of.any("moment", depth))


def _to_moment(of: _Generator, kind: str, depth: int) -> Expression:
    return of.made("cast({} as timestamp)", of.any("day", depth))


_MAKERS: dict[str, tuple[_Maker, ...]] = {
    "whole": (_arithmetic, _arithmetic, _cast_number, _length),
    "decimal": (_arithmetic, _arithmetic, _arithmetic, _cast_number),
    "real": (_arithmetic, _arithmetic, _cast_number),
    "text": (_text_of_one, _piece, _joined, _replaced, _spelled, _by_case),
    "flag": (_compared, _compared, _between, _among, _like, _is, _logic),
    "day": (_to_day,),
    "moment": (_to_moment,),
    "bytes": (_by_case,),
}
