"""Exercise templates about strings."""

from __future__ import annotations

import re
from random import Random

from phial.synth.exercises.template import Draft, Family

_TEXT = ("text", "s", "sentence", "string", "phrase")
_CHARACTER = ("c", "char", "letter", "ch")
_RESULT = ("result", "output", "answer")
_WORDS = (
    "the", "sun", "moon", "river", "a", "cat", "runs", "over", "green", "hills",
    "we", "like", "fresh", "bread", "and", "tea", "my", "little", "boat", "sails",
    "home", "birds", "sing", "at", "noon", "snow", "falls", "on", "old", "trees",
)  # fmt: skip
_PALINDROMES = ("level", "noon", "radar", "civic", "kayak", "refer", "stats", "wow", "deed", "rotor", "madam", "eve")
_NAMES = ("ada", "alan", "grace", "mia", "omar", "lena", "noah", "ivan", "zoe", "kai", "ruth", "tom")


def _sentence(random: Random, shortest: int = 2, longest: int = 4) -> str:
    return " ".join(random.sample(_WORDS, random.randint(shortest, longest)))


def _sentences(random: Random, count: int = 4) -> list[tuple[str]]:
    return [(_sentence(random),) for _ in range(count)]


def _count_vowels(random: Random) -> Draft:
    text, c, count = random.choice(_TEXT), random.choice(_CHARACTER), random.choice(("count", "total", "number"))
    vowels = random.random() < 0.6
    word = "vowels" if vowels else "consonants"
    letters = "aeiou" if vowels else "bcdfghjklmnpqrstvwxyz"
    wordings = (
        f"Return the number of {word} in {text}.",
        f"Count the {word} in the lowercase string {text}.",
        f"Return how many letters of {text} are {word}.",
    )
    bodies = (
        f'{count} = 0\nfor {c} in {text}:\n    if {c} in "{letters}":\n        {count} += 1\nreturn {count}',
        f'return sum(1 for {c} in {text} if {c} in "{letters}")',
    )
    name = random.choice((f"count_{word}", f"{word}_in", f"number_of_{word}", f"how_many_{word}"))
    cases = [*_sentences(random), (random.choice(_WORDS),), ("",)]
    return Draft(
        name,
        (text,),
        random.choice(wordings),
        random.choice(bodies),
        lambda v: len(re.findall(f"[{letters}]", v)),
        cases,
    )


def _reverse_words(random: Random) -> Draft:
    text, words = random.choice(_TEXT), random.choice(("words", "parts", "tokens"))
    if random.random() < 0.5:
        wordings = (
            f"Return {text} with its words in reverse order.",
            f"Reverse the order of the words in {text}.",
            f"Return the words of {text} from last to first.",
        )
        bodies = (
            f'{words} = {text}.split()\n{words}.reverse()\nreturn " ".join({words})',
            f'return " ".join({text}.split()[::-1])',
        )
        names = ("reverse_words", "flip_words", "words_backwards", "reverse_order")

        def reference(value: str) -> str:
            return " ".join(reversed(value.split(" ")))
    else:
        wordings = (
            f"Return {text} with each word spelled backwards.",
            f"Reverse the letters of every word in {text}, keeping their order.",
        )
        bodies = (
            f'{words} = []\nfor word in {text}.split():\n    {words}.append(word[::-1])\nreturn " ".join({words})',
            f'return " ".join(word[::-1] for word in {text}.split())',
        )
        names = ("reverse_each", "flip_each_word", "mirror_words", "backward_words")

        def reference(value: str) -> str:
            return " ".join(reversed("".join(reversed(value)).split(" ")))

    cases = [*_sentences(random), (random.choice(_WORDS),)]
    return Draft(random.choice(names), (text,), random.choice(wordings), random.choice(bodies), reference, cases)


def _palindrome(random: Random) -> Draft:
    text = random.choice(("word", *_TEXT))
    i = random.choice(("i", "k", "index"))
    wordings = (
        f"Return True if {text} reads the same backwards.",
        f"Tell whether {text} is a palindrome.",
        f"Check if {text} equals its own reverse.",
    )
    bodies = (
        f"return {text} == {text}[::-1]",
        (
            f"for {i} in range(len({text}) // 2):\n    if {text}[{i}] != {text}[-1 - {i}]:\n"
            "        return False\nreturn True"
        ),
    )
    cases = [(word,) for word in random.sample(_PALINDROMES, 3)]
    cases += [(word,) for word in random.sample([word for word in _WORDS if word not in ("a", "noon")], 3)]
    random.shuffle(cases)
    name = random.choice(("is_palindrome", "palindrome", "same_backwards", "check_palindrome"))
    return Draft(
        name, (text,), random.choice(wordings), random.choice(bodies), lambda v: list(v) == list(reversed(v)), cases
    )


def _longest_word(random: Random) -> Draft:
    text, word, best = (
        random.choice(_TEXT),
        random.choice(("word", "w", "token")),
        random.choice(("best", "chosen", *_RESULT)),
    )
    adjective, sign = random.choice((("longest", ">"), ("shortest", "<")))
    wordings = (
        f"Return the {adjective} word of {text}; the first one if several tie.",
        f"Find the first {adjective} word in {text}.",
    )
    body = (
        f"{best} = {text}.split()[0]\nfor {word} in {text}.split():\n"
        f"    if len({word}) {sign} len({best}):\n        {best} = {word}\nreturn {best}"
    )
    sign_of = -1 if adjective == "longest" else 1
    cases = [(_sentence(random, 3, 5),) for _ in range(4)] + [(random.choice(_WORDS),)]
    name = random.choice((f"{adjective}_word", f"find_{adjective}", f"get_{adjective}_word", f"{adjective}_of"))

    def reference(value: str) -> str:
        return sorted(value.split(" "), key=lambda part: sign_of * len(part))[0]

    return Draft(name, (text,), random.choice(wordings), body, reference, cases)


def _caesar(random: Random) -> Draft:
    text, c, result, shift = (
        random.choice(_TEXT),
        random.choice(_CHARACTER),
        random.choice(_RESULT),
        random.randint(1, 9),
    )
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    wordings = (
        f"Shift each lowercase letter of {text} by {shift}, wrapping after z.",
        f"Move every letter of {text} {shift} places forward in the alphabet;\n    after z comes a.",
    )
    body = (
        f'{result} = ""\nfor {c} in {text}:\n'
        f'    {result} += chr((ord({c}) - ord("a") + {shift}) % 26 + ord("a"))\nreturn {result}'
    )
    table = str.maketrans(alphabet, alphabet[shift:] + alphabet[:shift])
    cases = [(word,) for word in random.sample(_WORDS, 4)] + [(random.choice(("zoo", "xyz", "lazy", "fuzzy", "jazz")),)]
    name = random.choice(("caesar", "shift_letters", f"shift_by_{shift}", "encode", f"rotate_{shift}"))
    return Draft(name, (text,), random.choice(wordings), body, lambda v: v.translate(table), cases)


def _initials(random: Random) -> Draft:
    text, word, result = (
        random.choice(("name", "full_name", *_TEXT)),
        random.choice(("word", "part", "w")),
        random.choice(_RESULT),
    )
    separator, says = random.choice(
        (("", ""), (".", ", each followed by a period"), ("-", ", each followed by a hyphen"))
    )
    wordings = (
        f"Return the uppercase initials of {text}{says}.",
        f"Return the first letter of each word of {text} in capitals{says}.",
    )
    added = f"{word}[0].upper()" + (f' + "{separator}"' if separator else "")
    body = f'{result} = ""\nfor {word} in {text}.split():\n    {result} += {added}\nreturn {result}'
    cases = [(" ".join(random.sample(_NAMES, random.choice((2, 2, 3)))),) for _ in range(4)] + [
        (random.choice(_NAMES),)
    ]
    name = random.choice(("initials", "get_initials", "to_initials", "first_letters"))

    def reference(value: str) -> str:
        return re.sub(r"(\w)\w*\s*", lambda match: match[1].upper() + separator, value)

    return Draft(name, (text,), random.choice(wordings), body, reference, cases)


def _count_letter(random: Random) -> Draft:
    text, c, count = random.choice(_TEXT), random.choice(("c", "char", "ch")), random.choice(("count", "total"))
    letter = random.choice("aeiorstnl")
    wordings = (
        f'Return how often the letter "{letter}" occurs in {text}.',
        f'Count the letter "{letter}" in {text}.',
    )
    body = f'{count} = 0\nfor {c} in {text}:\n    if {c} == "{letter}":\n        {count} += 1\nreturn {count}'
    cases = [*_sentences(random), (letter * random.randint(2, 4),), ("",)]
    name = random.choice((f"count_{letter}", "count_letter", f"how_many_{letter}", f"letter_{letter}"))
    return Draft(name, (text,), random.choice(wordings), body, lambda v: len(v.split(letter)) - 1, cases)


def _replace(random: Random) -> Draft:
    text, c, result = random.choice(_TEXT), random.choice(_CHARACTER), random.choice(_RESULT)
    letters, word = random.choice((("aeiou", "vowel"), (" ", "space"), ("st", '"s" and "t"'), ("eo", '"e" and "o"')))
    mark = random.choice("*-_#.")
    each = f"every {word}" if " and " not in word else f"each {word}"
    wordings = (f'Return {text} with {each} replaced by "{mark}".', f'Put "{mark}" in place of {each} in {text}.')
    body = (
        f'{result} = ""\nfor {c} in {text}:\n    if {c} in "{letters}":\n        {result} += "{mark}"\n'
        f"    else:\n        {result} += {c}\nreturn {result}"
    )
    table = str.maketrans(dict.fromkeys(letters, mark))
    name = random.choice(("replace_letters", "mask", "hide", "cover", "mark_letters"))
    cases = [*_sentences(random), (random.choice(_WORDS),)]
    return Draft(name, (text,), random.choice(wordings), body, lambda v: v.translate(table), cases)


def _word_lengths(random: Random) -> Draft:
    text, word, result = (
        random.choice(_TEXT),
        random.choice(("word", "w", "part")),
        random.choice(("lengths", *_RESULT)),
    )
    as_dictionary = random.random() < 0.5
    if as_dictionary:
        wordings = (
            f"Return a dictionary from each word of {text} to its length.",
            f"Map the words of {text} to their lengths.",
        )
        body = f"{result} = {{}}\nfor {word} in {text}.split():\n    {result}[{word}] = len({word})\nreturn {result}"
    else:
        wordings = (
            f"Return the list of word lengths of {text}.",
            f"Return the length of each word of {text}, in order.",
        )
        body = f"{result} = []\nfor {word} in {text}.split():\n    {result}.append(len({word}))\nreturn {result}"

    def reference(value: str) -> dict[str, int] | list[int]:
        spans = {match[0]: match.end() - match.start() for match in re.finditer(r"\S+", value)}
        return spans if as_dictionary else list(spans.values())

    name = random.choice(("word_lengths", "lengths", "measure_words", "length_of_words"))
    return Draft(name, (text,), random.choice(wordings), body, reference, [*_sentences(random), ("",)])


def _ends_with(random: Random) -> Draft:
    words, word, result = (
        random.choice(("words", "names", "items", "strings")),
        random.choice(("word", "w", "entry")),
        random.choice(_RESULT),
    )
    letter = random.choice("aelstnr")
    shortest = random.randint(3, 5)
    says, condition, pattern = random.choice(
        (
            (f'end with "{letter}"', f'{word}.endswith("{letter}")', f".*{letter}"),
            (f'start with "{letter}"', f'{word}.startswith("{letter}")', f"{letter}.*"),
            (f'contain "{letter}"', f'"{letter}" in {word}', f".*{letter}.*"),
            (f"have at least {shortest} letters", f"len({word}) >= {shortest}", f".{{{shortest},}}"),
        )
    )
    wordings = (f"Return the strings in {words} that {says}.", f"Keep only those of {words} that {says}, in order.")
    bodies = (
        f"{result} = []\nfor {word} in {words}:\n    if {condition}:\n        {result}.append({word})\nreturn {result}",
        f"return [{word} for {word} in {words} if {condition}]",
    )
    cases = [(random.sample(_WORDS, random.randint(3, 4)),) for _ in range(5)] + [([],)]
    name = random.choice(("select_words", "filter_words", "choose", "matching_words"))
    return Draft(
        name,
        (words,),
        random.choice(wordings),
        random.choice(bodies),
        lambda vs: [v for v in vs if re.fullmatch(pattern, v)],
        cases,
    )


def _join_with(random: Random) -> Draft:
    words, word, result = (
        random.choice(("words", "parts", "items", "names")),
        random.choice(("word", "w", "entry")),
        random.choice(_RESULT),
    )
    separator, says = random.choice(
        (
            (", ", "a comma and a space"),
            ("-", "a hyphen"),
            (" and ", '" and "'),
            ("/", "a slash"),
            ("; ", "a semicolon and a space"),
        )
    )
    wordings = (
        f"Join the strings in {words} with {says} between them.",
        f"Return one string of all {words}, separated by {says}.",
    )
    bodies = (
        f'return "{separator}".join({words})',
        (
            f'{result} = ""\nfor {word} in {words}:\n    if {result}:\n'
            f'        {result} += "{separator}"\n    {result} += {word}\nreturn {result}'
        ),
    )

    def reference(values: list[str]) -> str:
        return "".join(value + separator for value in values).removesuffix(separator)

    cases = [(random.sample(_WORDS, random.randint(2, 4)),) for _ in range(4)] + [([random.choice(_WORDS)],)]
    name = random.choice(("join_words", "join_all", "combine", "to_line"))
    return Draft(name, (words,), random.choice(wordings), random.choice(bodies), reference, cases)


FAMILIES = (
    Family("count_vowels", 1, 2, _count_vowels),
    Family("reverse_words", 1, 2, _reverse_words),
    Family("palindrome", 1, 2, _palindrome),
    Family("longest_word", 1, 3, _longest_word),
    Family("caesar", 1, 3, _caesar),
    Family("initials", 1, 2, _initials),
    Family("count_letter", 1, 2, _count_letter),
    Family("replace_letters", 1, 3, _replace),
    Family("word_lengths", 1, 2, _word_lengths),
    Family("select_words", 1, 2, _ends_with),
    Family("join_words", 1, 2, _join_with),
)
