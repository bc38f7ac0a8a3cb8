"""Trees and tags as lines of CoNLL-U."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelworks.core.errors import DataError
from modelworks.formats._conllu_misc import escaped
from modelworks.kinds import Kind, Sentence, Tagged, Tags, Text, Token, Tree, Word

PARAGRAPH = "\n\n"
_EMPTY = "_"


def rows(id_: str, input: Text, target: Kind | None) -> str:
    """The sentences of one example, an empty line after each."""
    if isinstance(target, Tree):
        return "".join(_tree(id_, input.text, target))
    tags = Tags(("_",) * len(input.tokens), input.tokens)
    if isinstance(target, Tagged):
        tags = target.plainly()
    elif isinstance(target, Tags):
        tags = target
    return _tags(id_, input.text, tags)


def _tree(id_: str, text: str, target: Tree) -> Iterator[str]:
    at = 0
    for number, sentence in enumerate(target.sentences):
        following = target.sentences[number + 1].start if number + 1 < len(target.sentences) else len(text)
        before = text[at : sentence.start] if number == 0 else ""
        between = text[sentence.end : following]
        is_new = number == 0 or text[at : sentence.start] == PARAGRAPH
        comments = sentence.comments or _comments(id_, number, is_new)
        yield "".join(f"# {line}\n" for line in _with_text(comments, text[sentence.start : sentence.end]))
        yield "".join(_lines(sentence, text, before, between, _usual(target.sentences[number + 1 : number + 2])))
        yield "\n"
        at = sentence.end


def _comments(id_: str, number: int, begins: bool) -> tuple[str, ...]:
    """What a document that was not read from CoNLL-U says of itself."""
    name = " ".join(id_.split())
    marks = ([f"newdoc id = {name}"] if name else ["newdoc"]) if number == 0 else []
    return (*marks, *(["newpar"] if begins else []), f"sent_id = {name}-{number + 1}", "text = ")


def _with_text(comments: Sequence[str], text: str) -> Iterator[str]:
    for line in comments:
        name, _, given = line.partition("=")
        stale = name.strip() == "text" and given.split() != text.split()
        yield f"text = {' '.join(text.split())}" if stale else line


def _usual(following: Sequence[Sentence]) -> tuple[str, ...]:
    """What behind a sentence needs no word of its own: nothing at the end, else a blank, or what `# newpar` says."""
    if not following:
        return ("",)
    comments = following[0].comments
    marked = not comments or any(line.partition("=")[0].strip() in ("newpar", "newpar id") for line in comments)
    return (" ", PARAGRAPH) if marked else (" ",)


def _lines(sentence: Sentence, text: str, before: str, between: str, usual: Sequence[str]) -> Iterator[str]:
    empty = list(sentence.empty)
    yield from _empty(empty, 0)
    for number, token in enumerate(sentence.tokens):
        ends = number + 1 == len(sentence.tokens)
        spaces = between if ends else text[token.end : sentence.tokens[number + 1].start]
        pairs = _spaces(spaces, usual if ends else (" ",))
        if number == 0 and before:
            pairs.append(f"SpacesBefore={escaped(before)}")
        plain = len(token.words) == 1 and token.words[0].form == token.text
        if not plain:
            yield _range(token, pairs)
        for word in token.words:
            yield _line(word, pairs if plain else [])
            yield from _empty(empty, word.id)


def _spaces(spaces: str, usual: Sequence[str]) -> list[str]:
    """How MISC says what white space comes behind a token; nothing for the usual."""
    if spaces in usual:
        return []
    return ["SpaceAfter=No"] if not spaces else [f"SpacesAfter={escaped(spaces)}"]


def _range(token: Token, pairs: list[str]) -> str:
    first, last = token.words[0].id, token.words[-1].id
    return f"{first}-{last}\t{_cell(token.text)}\t" + "\t".join([_EMPTY] * 7) + f"\t{_misc(token.misc, pairs)}\n"


def _line(word: Word, pairs: list[str]) -> str:
    columns = (
        str(word.id), word.form, word.lemma, word.upos, word.xpos, word.feats, str(word.head), word.deprel, word.deps,
        _misc(word.misc, pairs),
    )  # fmt: skip
    return "\t".join(_cell(column) for column in columns) + "\n"


def _cell(value: str) -> str:
    if set(value) & set("\t\r\n"):
        raise DataError("a column cannot hold tabs or line ends", seen=value)
    return value or _EMPTY


def _misc(misc: str, pairs: list[str]) -> str:
    if not pairs:
        return misc
    kept = [] if misc == _EMPTY else misc.split("|")
    return "|".join(sorted([*kept, *pairs], key=str.lower))


def _empty(left: list[str], after: int) -> Iterator[str]:
    while left and int(left[0].partition(".")[0]) <= after:
        yield f"{left.pop(0)}\n"


def _tags(id_: str, text: str, target: Tags) -> str:
    """One sentence whose words have nothing but a tag; heads are left open."""
    made = [f"# sent_id = {' '.join(id_.split())}\n"] if id_.strip() else []
    made.append(f"# text = {' '.join(text.split())}\n")
    ends = [start for start, _ in target.tokens[1:]] + [len(text)]
    for number, ((start, end), tag, following) in enumerate(zip(target.tokens, target.tags, ends, strict=True), 1):
        pairs = _spaces(text[end:following], ("",) if number == len(target.tokens) else (" ",))
        if number == 1 and start:
            pairs.append(f"SpacesBefore={escaped(text[:start])}")
        columns = (str(number), text[start:end], _EMPTY, tag, *[_EMPTY] * 5, _misc(_EMPTY, pairs))
        made.append("\t".join(_cell(column) for column in columns) + "\n")
    return "".join(made) + "\n"
