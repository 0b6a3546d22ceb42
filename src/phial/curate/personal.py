"""Personal data and secrets: found by form and checksum, masked, or the record dropped."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from phial.curate.funnel import Dropped
from phial.curate.stage import Outcome, judged, turned_away
from phial.record import Messages, Preference, Record

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?![\w-])", re.I)
_RESERVED_HOSTS = re.compile(r"(?:^|\.)(?:example\.(?:com|org|net)|example|test|invalid|localhost)$", re.I)
# International with a plus, or the North American form with its punctuation; bare digits are order numbers as often.
_PHONE = re.compile(
    r"(?<![\w+.])(?:\+[1-9][\d ().-]{6,20}\d|(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4})(?![\w-])"
)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_CARD = re.compile(
    r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?![\w-])|(?<![\w.-])3[47]\d\d[ -]?\d{6}[ -]?\d{5}(?![\w-])"
)
_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){1,6}(?![\w:])", re.I)
_SECRET = re.compile(
    r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----.*?(?:-----END (?:[A-Z]+ )?PRIVATE KEY-----|\Z)"
    r"|(?<!\w)(?:AKIA|ASIA)[0-9A-Z]{16}(?!\w)"
    r"|(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,}|glpat-[\w-]{20,})(?!\w)"
    r"|(?<!\w)sk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,}(?!\w)"
    r"|(?<!\w)hf_[A-Za-z0-9]{30,}(?!\w)"
    r"|(?<!\w)xox[abposr]-[A-Za-z0-9-]{10,}"
    r"|(?<!\w)AIza[\w-]{35}(?!\w)"
    r"|(?<!\w)eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}",
    re.S,
)


def _is_email(found: str) -> bool:
    return not _RESERVED_HOSTS.search(found.rsplit("@", 1)[1])


def _is_phone(found: str) -> bool:
    digits = re.sub(r"\D", "", found)
    # Numbers that are set aside for fiction and examples.
    return 8 <= len(digits) <= 15 and not re.search(r"5550[01]\d\d$", digits)


def _is_iban(found: str) -> bool:
    packed = found.replace(" ", "")
    number = "".join(str(int(character, 36)) for character in packed[4:] + packed[:4])
    return 15 <= len(packed) <= 34 and int(number) % 97 == 1


def _is_card(found: str) -> bool:
    digits = [int(digit) for digit in re.sub(r"\D", "", found)]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_address(found: str) -> bool:
    try:
        return ipaddress.ip_address(found).is_global  # not private, local or for documentation
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    pattern: re.Pattern[str]
    is_one: Callable[[str], bool]
    hints: re.Pattern[str]  # a cheap sign of a line where the pattern may match; of secrets, of a text


_DIGITS = re.compile(r"\d[\d .()-]{6}")
_SECRET_SIGNS = (
    "PRIVATE KEY",
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "sk-",
    "hf_",
    "xox",
    "AIza",
    "eyJ",
)
# In order: what an earlier one masks, a later one cannot find within it.
_KINDS = (
    _Kind("secret", _SECRET, lambda _: True, re.compile("")),
    _Kind("email", _EMAIL, _is_email, re.compile("@")),
    _Kind("iban", _IBAN, _is_iban, re.compile(r"[A-Z]\d\d(?: ?[A-Z0-9]){11}")),
    _Kind("card", _CARD, _is_card, _DIGITS),
    _Kind("ip", _IPV4, _is_address, re.compile(r"\.\d{1,3}\.\d")),
    _Kind("ip", _IPV6, _is_address, re.compile(r":[0-9a-fA-F]{0,4}:")),
    _Kind("phone", _PHONE, _is_phone, _DIGITS),
)
KINDS = tuple(dict.fromkeys(kind.name for kind in _KINDS))


def find_personal(text: str) -> Iterator[tuple[str, str]]:
    """Every finding of a text: its kind, one of `KINDS`, and the words."""
    found: list[tuple[str, str]] = []
    _mask(text, KINDS, found)
    yield from found


def _mask(text: str, kinds: Sequence[str], found: list[tuple[str, str]]) -> str:
    for kind in _KINDS:
        if kind.name not in kinds:
            continue

        def replace(match: re.Match[str], kind: _Kind = kind) -> str:
            if not kind.is_one(match[0]):
                return match[0]
            found.append((kind.name, match[0]))
            return f"[{kind.name}]"

        if kind.name == "secret":  # a key has many lines
            text = kind.pattern.sub(replace, text) if any(sign in text for sign in _SECRET_SIGNS) else text
        else:
            text = _on_lines(text, kind.hints, lambda line, kind=kind, replace=replace: kind.pattern.sub(replace, line))
    return text


def _on_lines(text: str, hints: re.Pattern[str], change: Callable[[str], str]) -> str:
    """Change only the lines that a hint is in: the hints are found ten times faster than what they hint at."""
    parts: list[str] = []
    done = 0
    while (hint := hints.search(text, done)) is not None:
        start = max(done, text.rfind("\n", done, hint.start()) + 1)
        end = text.find("\n", hint.end())
        end = len(text) if end < 0 else end
        parts += text[done:start], change(text[start:end])
        done = end
    return "".join((*parts, text[done:])) if parts else text


@dataclass(frozen=True)
class Personal:
    """Mask personal data and secrets as "[email]", "[phone]", "[iban]", "[card]", "[ip]" and "[secret]".

    Addresses and numbers that are set aside for documentation stay. IBANs and cards count only with a right checksum.
    Findings are counted in the verdict and never written there.

    Attributes:
        kinds: what to look for.
        most: findings from which on the record is dropped, as a list of people rather than a text.
        drop: kinds of which one finding drops the record.
    """

    kinds: tuple[str, ...] = KINDS
    most: int = 20
    drop: tuple[str, ...] = ()
    name: str = "personal"
    version: int = 1

    def config(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    def judge(self, records: Sequence[Record]) -> Outcome:
        """Mask or drop; what is dropped is masked all the same."""
        kept: list[Record] = []
        dropped: list[Dropped] = []
        for record in records:
            found: list[tuple[str, str]] = []
            text = None if record.text is None else _mask(record.text, self.kinds, found)
            messages = None if record.messages is None else self._masked(record.messages, found)
            pair = record.preference
            if pair is not None:
                pair = Preference(*(self._masked(side, found) for side in (pair.prompt, pair.chosen, pair.rejected)))
            if not found:
                kept.append(judged(record, self.name, True))
                continue
            counts = Counter(kind for kind, _ in found)
            detail = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
            masked = judged(record, self.name, True, f"masked {detail}", text=text, messages=messages, preference=pair)
            if len(found) >= self.most or any(counts[kind] for kind in self.drop):
                dropped.append(turned_away(masked, self.name, "personal data", detail))
            else:
                kept.append(masked)
        return Outcome(kept, dropped)

    def _masked(self, messages: Messages, found: list[tuple[str, str]]) -> Messages:
        return tuple((role, _mask(content, self.kinds, found)) for role, content in messages)
