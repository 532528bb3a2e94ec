"""YAML as people, programs and attackers write it: hostile texts made of good ones."""

from collections.abc import Callable
from typing import Any

import yaml
from hypothesis import strategies as st

# What stands in place of a value, a key, or a line.
WORDS = """
    ~ null yes no on 1 -1 0x1f 0o17 1e309 .nan -.inf 1_0 12:30:45 2024-13-45 2024-02-30 2024-01-05
    = << ' " !!str !y *nobody [ ] { } % @ ` | > * ** .. / // s3:// auto Won Lost deal_stage é
"""
SCALARS = (
    *WORDS.split(),
    *("!!binary x", "!!int abc", "!!float ''", "!!timestamp x", "!!bool x", "!!set {a, b}"),
    *("!!omap [a]", "!!pairs [1]", "!!python/object/apply:os.system [ls]", "!x y", "&a b"),
    *("[a, b]", "{a: b}", "{[a]: b}", "? a", "- a", "- ", "2024-01-05 25:61:00", "/dev/null"),
    *("", " ", "\t", "\x00", "\x1b[2J", "\ud7ff", "\ufeff", "\u2028", "🙂", "C:\\"),
    *("a" * 9_000, "9" * 5_000),
)
KEYS = ("a", "name", "tables", "stages", "storage", "root", "source", "kind", "path", "1", "true")


def bombs() -> list[str]:
    """What a few lines can stand for."""
    laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    maps = ["a0: &a0 {x: y}"]
    maps += [f"a{n}: &a{n} {{p: *a{n - 1}, q: *a{n - 1}}}" for n in range(1, 40)]
    chain = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 3_000)]
    merged = ["a0: &a0 {x: y}"] + [
        f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 30)
    ]
    return [
        *("\n".join(lines) for lines in (laughs, maps, chain, merged)),
        "a: &a {b: *a}",
        "a: &a [*a]",
        "? &a [x]\n: *a",
        "[" * 20_000,
        "{a: " * 20_000,
        "- " * 20_000,
        "a:\n" + "".join(" " * n + f"b{n}:\n" for n in range(1, 900)),
        "x" * 600_000,
        "a: b\n" * 2_000,
    ]


def hostile(good: str) -> st.SearchStrategy[str]:
    """The good text changed in some places, another tree altogether, or any text."""
    return st.one_of(_changed(good), _tree().map(_dumped), st.text(max_size=200), _scalar_trees())


@st.composite
def _changed(draw: st.DrawFn, good: str) -> str:
    lines = good.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        change = draw(st.sampled_from(CHANGES))
        lines[at : at + 1] = change(lines[at], draw(st.sampled_from(SCALARS)))
    return "\n".join(lines)


def _value(line: str, scalar: str) -> list[str]:
    return [f"{line.partition(':')[0]}: {scalar}"]


def _key(line: str, scalar: str) -> list[str]:
    _, _, value = line.partition(":")
    return [f"{' ' * (len(line) - len(line.lstrip()))}{scalar}:{value}"]


CHANGES: tuple[Callable[[str, str], list[str]], ...] = (
    _value,
    _value,
    _key,
    lambda line, _: [line, line],
    lambda _line, _: [],
    lambda line, _: [" " + line],
    lambda line, scalar: [line, scalar],
    lambda line, scalar: [line + scalar],
)


def _tree() -> st.SearchStrategy[Any]:
    leaves = (
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.dates()
    )
    keys = st.sampled_from(KEYS) | st.integers() | st.text(max_size=5)
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
    )


def _dumped(tree: Any) -> str:
    return yaml.safe_dump(tree, allow_unicode=True)


def _scalar_trees() -> st.SearchStrategy[str]:
    pairs = st.tuples(st.sampled_from(KEYS), st.sampled_from(SCALARS))
    return st.lists(pairs, max_size=5).map(lambda lines: "\n".join(f"{k}: {v}" for k, v in lines))
