"""YAML that people write: settings and mappings, read whole and within bounds, or refused."""

import os
from collections import Counter
from pathlib import Path

import yaml

from dealcast.errors import SettingsError, shortened

# A mapping with a thousand stages has a tenth of it.
MOST_CHARACTERS = 500_000
# Values as they are once every alias (*name) stands for what it means, and levels of them.
MOST_VALUES, MOST_LEVELS = 100_000, 30
# What PyYAML raises besides its own, for a date such as 2024-13-45 or a tag misused.
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def read_yaml(text: str, named: str) -> object:
    r"""What the text says; `named` is what messages call it.

    Raises SettingsError for what is no YAML, for a key that stands twice (YAML would drop the
    first), and for aliases that lead back to themselves or stand for very much. No message repeats
    a value: it may be a secret.

    >>> read_yaml("stages: {Sold: Won}", "mapping.yaml")
    {'stages': {'Sold': 'Won'}}
    >>> read_yaml("root: a\nroot: b", "x.yaml")
    Traceback (most recent call last):
    ...
    dealcast.errors.SettingsError: x.yaml, line 2, has the key 'root' twice.
    ...
    """
    if len(text) > MOST_CHARACTERS:
        raise _refused(named, None, f"has more than {MOST_CHARACTERS:,} characters")
    loader: yaml.SafeLoader | None = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _measured(node, named, {}, set())
        content: object = loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _refused(named, mark, "is not valid YAML") from None
    except RecursionError:
        raise _refused(named, None, f"has more than {MOST_LEVELS} levels") from None
    except _UNREADABLE:
        said = "is not valid YAML: a value, such as a date, is not what its form or tag says"
        raise _refused(named, None, said) from None
    finally:
        if loader is not None:
            loader.dispose()
    return content


def is_file(path: Path) -> bool:
    """Whether there is such a file; False also where no file can be called so."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for a name that is too long


def _measured(
    node: yaml.Node, named: str, known: dict[int, tuple[int, int]], above: set[int]
) -> tuple[int, int]:
    """Values and levels of a node with all aliases written out. Raises SettingsError for many."""
    if id(node) in known:
        return known[id(node)]
    if id(node) in above:
        raise _refused(named, node.start_mark, "has an alias that leads back to itself")
    if isinstance(node, yaml.MappingNode):
        _refuse_repeated(node, named)
        inner = [part for pair in node.value for part in pair]
    else:
        inner = node.value if isinstance(node, yaml.SequenceNode) else []
    above.add(id(node))
    sizes = [_measured(part, named, known, above) for part in inner]
    above.remove(id(node))
    size = 1 + sum(values for values, _ in sizes), 1 + max((n for _, n in sizes), default=0)
    if size[0] > MOST_VALUES:
        raise _refused(named, node.start_mark, f"stands for more than {MOST_VALUES:,} values")
    if size[1] > MOST_LEVELS:
        raise _refused(named, node.start_mark, f"has more than {MOST_LEVELS} levels")
    known[id(node)] = size
    return size


def _refuse_repeated(node: yaml.MappingNode, named: str) -> None:
    keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    counts = Counter((key.tag, key.value) for key in keys)
    for key in reversed(keys):
        if counts[key.tag, key.value] > 1:
            said = f"has the key '{shortened(key.value)}' twice"
            raise _refused(named, key.start_mark, said)


def _refused(named: str, mark: yaml.Mark | None, said: str) -> SettingsError:
    line = f", line {mark.line + 1}," if mark else ""
    return SettingsError(f"{named}{line} {said}.", remedy="mend that line" if mark else "mend it")
