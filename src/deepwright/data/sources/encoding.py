"""The encoding of a text, from its first bytes.

Byte order marks, UTF-8 and the zeros of UTF-16 tell it for sure. Older encodings are guessed: each is tried, and the one
whose letters look most like words wins (script by script, common letters first, no change of script within a word).
"""

import codecs
import re
import unicodedata
from collections.abc import Callable

__all__ = ["SURE", "find_encoding"]

SURE = ("ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_LOOKED_AT = 20_000  # bytes of lines that are not ASCII
_WORD = re.compile(r"[^\W\d_]+")
_BETWEEN = re.compile(r"(?<=[^\W\d_])[^\w\s.,;:'’&/+()-](?=[^\W\d_])")  # signs that stand inside no word
_SIGNS = frozenset("€£¥°§µ«»“”„–—’‘…•½¼¾²³±×№™®©¿¡")
_COMMON = {  # the letters that most words are made of
    "CYRILLIC": frozenset("оеаинтсрвлкмдпу"), "GREEK": frozenset("αοιετσνηυρπκμςάέίόήύώ"), "HEBREW": frozenset("יוהלארתבשמםןנ"),
    "ARABIC": frozenset("اليمونرتبدةسعك"), "THAI": frozenset("านรกอเงมยลทดตสิี่้"),
}  # fmt: skip
_FINAL = frozenset("ךםןףץ")  # Hebrew letters that only end words


def find_encoding(head: bytes, whole: bool) -> str:
    """The encoding of a text from its first bytes; `whole` when they are all of it."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    zeros = head[:1000].count(0)
    if zeros > 0.3 * len(head[:1000]):
        wide = "32" if zeros > 0.6 * len(head[:1000]) else "16"
        return f"utf-{wide}-le" if head[0] else f"utf-{wide}-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        text = head.decode("utf-8", errors="replace")
        wrong = text.count("\ufffd")
        if len(text) - len(text.encode("ascii", "ignore")) > 3 * wrong:
            return "utf-8"  # a few broken characters in a text that is UTF-8 otherwise
        return _older(head, whole)
    return "utf-8"


def _older(head: bytes, whole: bool) -> str:
    """The most likely of the encodings before Unicode; cp1252 where nothing speaks for another."""
    lines = head.split(b"\n")
    lines = lines if whole or len(lines) < 2 else lines[:-1]  # the last one may be cut in two
    sample, size = [], 0
    for line in lines:
        if size < _LOOKED_AT and not line.isascii():
            sample.append(line)
            size += len(line)
    text, found = b"\n".join(sample), dict[str, float]()
    for name, east in _OLDER.items():
        try:
            decoded = text.decode(name)
        except UnicodeDecodeError:
            continue
        distinct = len({sign for sign in decoded if not sign.isascii()})
        trust = 1.0 if name == "cp1252" else distinct / (distinct + 1)  # one character over and over tells little
        found[name] = _likely(decoded, east) * trust
    best = max(found, key=lambda name: found[name], default="latin-1")
    return "latin-1" if best == "cp1252" and not _decodes(head, best) else best


def _decodes(head: bytes, name: str) -> bool:
    try:
        head.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def _likely(text: str, east: Callable[[str], float] | None) -> float:
    """The mean worth of a character beyond ASCII; `east` values ideographs and kana."""
    worth = -3.0 * len(_BETWEEN.findall(text))
    count = sum(not sign.isascii() for sign in text)
    for match in _WORD.finditer(text):
        word = match.group()
        if not word.isascii():
            worth += _word(word, east)
    for sign in text:
        if not sign.isascii() and not sign.isalpha():
            worth += _sign(sign)
    return worth / max(1, count)


def _sign(sign: str) -> float:
    """The worth of a character that is no letter."""
    category = unicodedata.category(sign)
    if category in ("Cc", "Cn", "Co"):
        return -5.0
    return 1.0 if sign in _SIGNS else 0.0 if category[0] in "MZ" else -1.0


def _word(word: str, east: Callable[[str], float] | None) -> float:
    """The worth of a word's characters beyond ASCII."""
    other = [sign for sign in word if not sign.isascii()]
    names = [unicodedata.name(sign, "?").split(" ")[0] for sign in other]
    latin = [name == "LATIN" for name in names]
    if all(latin):
        return _western(word, other)
    if any(latin) or len(other) < len(word):  # two scripts in one word
        return -2.0 * len(other)
    if names[0] in _COMMON:
        cased = word.lower() == word.upper() or word.islower() or word.isupper() or word.istitle()
        alike = len(set(names)) == 1 and cased and not any(sign in _FINAL for sign in word[:-1])
        lower = sum(sign.lower() in _COMMON[names[0]] for sign in word) / len(word)
        return len(other) * ((0.6 + 1.2 * lower - 0.3 * word.isupper()) if alike else -1.0)
    return sum(east(sign) for sign in other) if east is not None else -1.0 * len(other)


def _western(word: str, other: list[str]) -> float:
    """Accented letters stand among plain ones, and capitals begin a word or fill it."""
    cased = word.islower() or word.isupper() or word.istitle()
    if not cased:
        return -2.0 * len(other)
    if len(word) == 1:
        return 1.0
    return len(other) * (1.5 if 2 * len(other) <= len(word) else -1.0)


def _level(name: str, last: int) -> Callable[[str], float]:
    """Ideographs of the first level of a standard (the common ones) count, others speak against it; kana and hangul count."""

    def worth(sign: str) -> float:
        kind = unicodedata.name(sign, "?").split(" ")[0]
        if kind in ("HIRAGANA", "KATAKANA"):
            return 2.0
        try:
            code = sign.encode(name)
        except UnicodeEncodeError:
            return -1.0
        if kind == "HANGUL":
            return 2.0 if name == "euc_kr" and len(code) == 2 else -1.0
        return 1.8 if kind == "CJK" and len(code) == 2 and code[0] <= last else -1.0

    return worth


_OLDER: dict[str, Callable[[str], float] | None] = {
    "cp1252": None, "cp932": _level("cp932", 0x97), "euc_jp": _level("euc_jp", 0xCF), "cp949": _level("euc_kr", 0),
    "gb18030": _level("gb2312", 0xD7), "big5": _level("big5", 0xC6), "cp1251": None, "koi8_r": None, "cp1253": None,
    "cp1255": None, "cp1256": None, "cp874": None, "cp1250": None, "mac_roman": None, "cp850": None, "cp866": None,
}  # fmt: skip
