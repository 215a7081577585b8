"""What a text that is not YAML should have been: PyYAML says what it did not expect, users need what to write."""

from __future__ import annotations

from typing import Any

import yaml

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.limits import YAML_BYTES, YAML_DEPTH, YAML_VALUES, check_limit

try:
    from yaml import CSafeLoader as _SafeLoader  # ten times as fast, where PyYAML comes with libyaml
except ImportError:
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

# What the parser's message contains -> what would be right. {begun} is the line where the unfinished part begins.
_REMEDIES = (
    ("mapping values are not allowed", "indent it like the keys beside it, and put a text that holds `: ` in quotes"),
    ("expected ',' or", "put a comma there, or close the bracket that opens in line {begun}"),
    ("expected the node content", "a value is missing, or the bracket that opens in line {begun} is not closed"),
    ("expected <block end>", "indent it like the lines it belongs to"),
    ("found character '\\t'", "indent by spaces, not by tabs"),
    ("could not find expected ':'", "write `key: value`"),
    ("while scanning a quoted scalar", "close the quotes that open in line {begun}"),
    ("found undefined alias", "put a text that starts with * in quotes"),
    ("cannot start any token", "put the text in quotes"),
    ("given twice", "delete one"),
    ("unknown escape character", "write \\\\ for a backslash, or use single quotes"),
)
# The parser notices these at the next line or at the file's end: the mistake is where it began.
_NOTICED_LATE = ("could not find expected ':'", "while scanning a quoted scalar")


class UniqueKeyLoader(_SafeLoader):
    """Refuses a key that is given twice, of which PyYAML would drop the first."""

    def get_single_data(self) -> Any:
        """Returns the data of the only document. Raises yaml.MarkedYAMLError at a key that is there already."""
        document = self.get_single_node()
        if document is None:
            return None
        # Before anything is constructed: merge keys (<<) put what they merge among a mapping's own keys.
        waiting, known = [document], set()
        while waiting:
            node = waiting.pop()
            if id(node) in known:  # an alias
                continue
            known.add(id(node))
            if isinstance(node, yaml.SequenceNode):
                waiting += node.value
            elif isinstance(node, yaml.MappingNode):
                _refuse_twice(node)
                waiting += [value for _, value in node.value]
        return self.construct_document(document)


def _refuse_twice(mapping: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
            continue
        if key.value in seen:
            raise yaml.MarkedYAMLError(problem=f"{key.value} is given twice", problem_mark=key.start_mark)
        seen.add(key.value)


def check_yaml_size(text: str, file: str) -> None:
    """Refuses a text of more values, or nested more deeply, than any domain is, before its values are made.

    Raises:
        Sim2SGError: It is.
        yaml.YAMLError: It is no YAML.
    """
    check_limit(file, "characters of YAML", len(text), YAML_BYTES)
    depth = values = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        values += isinstance(event, yaml.NodeEvent)
        line = event.start_mark.line + 1 if event.start_mark else 1
        if depth > YAML_DEPTH:
            raise Sim2SGError(
                f"{file}:{line}: lists and mappings are nested too deeply; close the brackets that open here"
            )
        if values > YAML_VALUES:
            raise too_many(file, line)


def too_many(file: str, line: int) -> Sim2SGError:
    """Returns the error for a file of too many values; aliases count as what they stand for."""
    return Sim2SGError(
        f"{file}:{line}: more than {YAML_VALUES:,} keys and values up to here; a domain has some hundreds"
    )


def yaml_mistake(error: yaml.YAMLError, file: str, text: str) -> str:
    """Says in one line where and why a text is not YAML, and what would be right."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text[: error.position].count("\n") + 1
        return f"{file}:{line}: not YAML: {' '.join(str(error.reason).split())}: {chr(error.character)!r}; delete it"
    if not isinstance(error, yaml.MarkedYAMLError):
        return f"{file}:1: not YAML: {' '.join(str(error).split())}; save it as plain text in UTF-8"
    message = f"{error.context or ''} {error.problem or ''}"
    begun = error.context_mark or error.problem_mark
    noticed = error.problem_mark or begun
    if begun is not None and any(words in message for words in _NOTICED_LATE):
        noticed = begun
    line, first = (mark.line + 1 if mark else 1 for mark in (noticed, begun))
    remedy = next((text for words, text in _REMEDIES if words in message), "see the lines before it")
    return f"{file}:{line}: not YAML: {error.problem or error.context}; {remedy.format(begun=first)}"
