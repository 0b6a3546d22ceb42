"""Replies to IFEval's prompts by script: obeying, disobeying, just missing, in other languages, in odd layouts."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

SENTENCES = (
    "The harbour was quiet when Dr. Alvarez arrived at 6 a.m. on Monday.",
    "She said that prices rose by 3.5 per cent in Jan. and fell again in Feb.",
    "Who would have thought it?",
    'He answered: "No!" and left the room.',
    "The U.S. team met Mr. Smith, Mrs. Jones and Prof. Lee near St. Paul's.",
    "Visit www.example.com for more, e.g. the list of members...",
    "NASA and the BBC agreed: it was A GREAT DAY.",
    "It can't be helped, I'm afraid; well-known facts (see p. 12) say otherwise.",
    "rain fell. nobody moved.",
    "Version 2.0.1 was better!! Was it?!",
    "Ph.D. students at M.I.T. wrote it for Acme Inc. and for others.",
    "First, wash the [vegetable]; then call [name] at [phone number].",
)
OTHER_LANGUAGES = {
    "de": "Das Wetter ist heute schön, und wir gehen im Park spazieren. Morgen wird es regnen.",
    "fr": "Il fait beau aujourd'hui et nous allons nous promener dans le parc.",
    "pt": "Hoje o tempo está bom e vamos passear no parque com os amigos da escola.",
    "ru": "Сегодня хорошая погода, и мы идём гулять в парк. Завтра будет дождь.",
    "bg": "Днес времето е хубаво и отиваме на разходка в парка с нашите приятели.",  # noqa: RUF001
    "hi": "आज मौसम अच्छा है और हम पार्क में घूमने जा रहे हैं। कल बारिश होगी।",
    "mr": "आज हवामान चांगले आहे आणि आम्ही उद्यानात फिरायला जात आहोत.",
    "ne": "आज मौसम राम्रो छ र हामी पार्कमा घुम्न जाँदैछौं।",
    "bn": "আজ আবহাওয়া ভালো এবং আমরা পার্কে বেড়াতে যাচ্ছি।",
    "pa": "ਅੱਜ ਮੌਸਮ ਚੰਗਾ ਹੈ ਅਤੇ ਅਸੀਂ ਪਾਰਕ ਵਿੱਚ ਸੈਰ ਕਰਨ ਜਾ ਰਹੇ ਹਾਂ।",
    "gu": "આજે હવામાન સારું છે અને અમે બગીચામાં ફરવા જઈએ છીએ.",
    "ta": "இன்று வானிலை நன்றாக உள்ளது, நாங்கள் பூங்காவில் நடக்கப் போகிறோம்.",
    "te": "ఈ రోజు వాతావరణం బాగుంది మరియు మేము పార్కులో నడవబోతున్నాము.",
    "kn": "ಇಂದು ಹವಾಮಾನ ಚೆನ್ನಾಗಿದೆ ಮತ್ತು ನಾವು ಉದ್ಯಾನವನದಲ್ಲಿ ನಡೆಯಲು ಹೋಗುತ್ತಿದ್ದೇವೆ.",
    "ko": "오늘은 날씨가 좋아서 우리는 공원에서 산책을 합니다. 내일은 비가 옵니다.",
    "th": "วันนี้อากาศดีและเรากำลังจะไปเดินเล่นในสวนสาธารณะ",
    "vi": "Hôm nay thời tiết đẹp và chúng tôi đi dạo trong công viên.",
    "sw": "Leo hali ya hewa ni nzuri na tunakwenda kutembea katika bustani.",
    "ar": "الطقس جميل اليوم وسنذهب للتنزه في الحديقة مع الأصدقاء.",
    "fa": "امروز هوا خوب است و ما برای قدم زدن به پارک می رویم.",
    "ur": "آج موسم اچھا ہے اور ہم پارک میں سیر کرنے جا رہے ہیں۔",  # noqa: RUF001
    "fi": "Tänään on kaunis ilma ja menemme kävelylle puistoon ystävien kanssa.",
    "it": "Oggi il tempo è bello e andiamo a fare una passeggiata nel parco.",
    "ja": "今日は天気がいいので、公園を散歩します。",
    "": "12345 67890 --- ???",
}
LAYOUTS = (
    *(
        "\n\n",
        "\n",
        " ",
        "\n***\n",
        "\n\n***\n\n",
        "******",
        "\n******\n",
        "\n* ",
        "\n- ",
        "\n  * ",
        "\n\n\n* ",
        "\n*\n",
    ),
    *(
        "\n** ",
        "\n***",
        "*** ***",
        " *emphasis* ",
        " **strong** ",
        "**",
        "* *",
        "****",
        "\n<<A Title>>\n",
        "<<>>",
        "<< >>",
    ),
    *("<<<x>>>", "\nSECTION 1\n", "\nSection 2 ", "\nP.S. Remember.", "\np. s. x", "\nP.P.S. More", "\np.p.s more"),
    *(" [slot] ", "[]", "[a\nb]", "[[x]]", '"', "'", "```json\n", "```", "\t", "\r\n", "\u2028", "\xa0", "\f"),
)


def replies(item: Mapping[str, Any], random: Random) -> list[str]:
    """Replies to one prompt, by kind of script."""
    rules = list(zip(item["instruction_id_list"], item["kwargs"], strict=True))
    obeying = prose(random, random.randint(2, 12))
    for name, arguments in rules:
        obeying = obey(obeying, name, arguments, random, random.choice((-1, 0, 0, 1)))
    reordered = prose(random, random.randint(1, 30))
    for name, arguments in reversed(rules):
        reordered = obey(reordered, name, arguments, random, 0)
    foreign = random.choice(list(OTHER_LANGUAGES.values()))
    return [
        obeying,
        reordered,
        f"Here is my answer:\n{obeying}",
        f"{obeying}\n\nI hope this helps!",
        f"Sure!\n{reordered}\nDone.",
        prose(random, random.randint(1, 25)),
        mix(random),
        mix(random),
        foreign,
        f"{foreign}\n{prose(random, 1)}",
        random.choice(
            ("", " ", "\n\n", "*", "***", "{}", '{"answer": [1, 2]}', "```json\n{}\n```", '""', "My answer is no.")
        ),
        random.choice((obeying.upper(), obeying.lower(), reordered.upper(), f'"{reordered}"')),
    ]


def prose(random: Random, sentences: int) -> str:
    """Sentences between blanks and empty lines."""
    text = random.choice(SENTENCES)
    for _ in range(sentences - 1):
        text += random.choice((" ", " ", " ", "\n\n", "\n", "  ")) + random.choice(SENTENCES)
    return text


def mix(random: Random) -> str:
    """Sentences, other languages and layout in any order."""
    pieces: list[str] = []
    for _ in range(random.randint(1, 25)):
        pieces.append(random.choice((*LAYOUTS, random.choice(SENTENCES), random.choice(SENTENCES))))
    if random.random() < 0.2:
        pieces.append(random.choice(list(OTHER_LANGUAGES.values())))
    return "".join(pieces)


def obey(text: str, name: str, arguments: Mapping[str, Any], random: Random, by: int) -> str:
    """A text changed so that it keeps an instruction, or misses it by one."""

    def times(key: str, relation: str = "") -> int:
        less = relation and arguments.get(relation) == "less than"
        return max(0, int(arguments[key]) + by - bool(less))

    match name.partition(":")[2]:
        case "capital_word_frequency":
            words = [word.capitalize() if word.isupper() else word for word in text.split(" ")]
            return " ".join(words).lower() + " LOUD" * times("capital_frequency", "capital_relation")
        case "english_capital":
            return text.upper()
        case "english_lowercase":
            return text.lower()
        case "repeat_prompt":
            return f"{arguments['prompt_to_repeat']}{'' if by else '.'}\n\n{text}"
        case "two_responses":
            return f"{text}\n******\n{text if by else prose(random, 2)}"
        case "number_placeholders":
            return text + " [slot]" * times("num_placeholders")
        case "postscript":
            return f"{text}\n\n{arguments['postscript_marker']} Bring a coat."
        case "constrained_response":
            return random.choice(("My answer is yes.", "My answer is no", "  My answer is maybe.\n"))
        case "json_format":
            return random.choice(
                ('```json\n{"a": [1, "b"]}\n```', '{"a": 1}', f"{{{text}}}", "```\n[1, 2]```", '"text"')
            )
        case "multiple_sections":
            mark = arguments["section_spliter"]
            return "\n".join(f"{mark} {number}\n{prose(random, 1)}" for number in range(1, times("num_sections") + 1))
        case "number_bullet_lists":
            return text + "".join(f"\n{random.choice('*-')} point" for _ in range(times("num_bullets")))
        case "number_highlighted_sections":
            return text + "".join(
                random.choice((" *part*", " **part**", "\n*a part*")) for _ in range(times("num_highlights"))
            )
        case "title":
            return random.choice(("<<{}>>\n", "<< {} >>", "<{}>\n", "<<{}\n>>")).format("The Harbour") + text
        case "existence":
            return f"{text} {' '.join(arguments['keywords'][by:] if by > 0 else arguments['keywords'])}"
        case "forbidden_words":
            return f"{text} {random.choice(arguments['forbidden_words'])}{random.choice(('s', ' '))}" if by else text
        case "frequency":
            return text + f" {arguments['keyword']}" * times("frequency", "relation")
        case "letter_frequency":
            letter = arguments["letter"]
            return text.replace(letter, "").replace(letter.upper(), "") + letter * times(
                "let_frequency", "let_relation"
            )
        case "nth_paragraph_first_word":
            paragraphs = [prose(random, 1) for _ in range(times("num_paragraphs"))]
            if len(paragraphs) >= arguments["nth_paragraph"]:
                first = random.choice(("{}", "{},", '"{}"', "'{}", "{}s")).format(arguments["first_word"])
                paragraphs[arguments["nth_paragraph"] - 1] = f"{first} came later."
            return random.choice(("\n\n", "\n\n", "\n\n\n", "\n\n\n\n")).join(paragraphs)
        case "number_paragraphs":
            return random.choice(("\n***\n", "***", " *** ")).join(
                prose(random, 1) for _ in range(times("num_paragraphs"))
            )
        case "number_sentences":
            return " ".join(random.choice(SENTENCES) for _ in range(times("num_sentences", "relation")))
        case "number_words":
            words = times("num_words", "relation")
            return " ".join((prose(random, 3 + words // 4)).split()[:words])
        case "no_comma":
            return text if by else text.replace(",", "")
        case "end_checker":
            return f"{text} {arguments['end_phrase']}{random.choice(('', '', '.', chr(34), '  '))}"
        case "quotation":
            return f'"{text}"'
        case "response_language":
            return OTHER_LANGUAGES[arguments["language"]]
    return text
