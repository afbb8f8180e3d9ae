"""Whether a data set matches a query, and what of it is answered (PS3.4 C.2.2.2, PS3.18 8.3.4).

For PACS without a query engine of their own. A query is compiled once and then asked of many data sets.
Semantic (fuzzy) matching of names is not done; FindResult.fuzzy_matching_ignored says so.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.query.return_attributes import standard_attributes
from radgate_server.core.query.value_matching import ValueTest, value_test

type Predicate = Callable[[DicomJson], bool]
type KeyCompiler = Callable[[str, str], ValueTest]
"""Makes a test of values of a VR and a key that is not universal."""


def matches(attributes: DicomJson, query: Query) -> bool:
    """Whether the data set matches all keys of the query. For many data sets, keep `matcher(query.keys)`."""
    return matcher(query.keys)(attributes)


def matcher(keys: Iterable[MatchingKey], compile_key: KeyCompiler = value_test) -> Predicate:
    """Compile the keys into a test of data sets.

    A universal key ("", or nothing but `*`) always matches. Other keys need a value; of several values, one must match.
    Keys inside of one sequence must match in one and the same item (PS3.4 C.2.2.2.6).
    """
    values = [(key.path, key.value.reveal()) for key in keys]
    tests = tuple(_attribute_tests([(path, value) for path, value in values if not is_universal(value)], compile_key))
    return lambda attributes: all(test(attributes) for test in tests)


def is_universal(value: str) -> bool:
    """Whether a key of this value matches everything, also nothing (PS3.4 C.2.2.2.3)."""
    return not value.strip(" *")


def project(match: DicomJson, query: Query) -> DicomJson:
    """Cut a data set down to what the query asks for: all, or its level's own attributes, its keys, and `include`.

    Of a sequence the whole is returned. Attributes that the data set lacks are left out.
    """
    if query.include_all:
        return dict(match)
    asked = [path[0] for path in (*(key.path for key in query.keys), *query.include)]
    wanted = sorted({*standard_attributes(query), *asked})
    return {tag: match[tag] for tag in wanted if tag in match}


def _attribute_tests(keys: Sequence[tuple[tuple[str, ...], str]], compile_key: KeyCompiler) -> Iterable[Predicate]:
    for tag, group in groupby(sorted(keys), key=lambda key: key[0][0]):
        paths = [(path[1:], value) for path, value in group]
        yield from (_value_predicate(tag, value, compile_key) for path, value in paths if not path)
        if inner := [(path, value) for path, value in paths if path]:
            yield _item_predicate(tag, tuple(_attribute_tests(inner, compile_key)))


def _value_predicate(tag: str, key: str, compile_key: KeyCompiler) -> Predicate:
    tests: dict[str, ValueTest] = {}

    def predicate(attributes: DicomJson) -> bool:
        attribute = attributes.get(tag)
        if attribute is None or not (values := attribute.get("Value")):
            return False
        vr = attribute["vr"]
        test = tests.get(vr)
        if test is None:
            test = tests[vr] = compile_key(vr, key)
        return any(value is not None and test(value) for value in values)

    return predicate


def _item_predicate(tag: str, tests: Sequence[Predicate]) -> Predicate:
    def predicate(attributes: DicomJson) -> bool:
        items = attributes.get(tag, {}).get("Value", ())
        return any(item and all(test(item) for test in tests) for item in items)

    return predicate
