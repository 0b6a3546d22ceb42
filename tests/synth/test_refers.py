"""Words about a text that the reader does not have, and words that only look like them."""

import pytest

from phial.synth.prose import refers


@pytest.mark.parametrize(
    "text",
    [
        "According to the text, scripts are copied.",
        "This passage explains how queues work.",
        "The text then explains why.",
        "Ice floats, as the given text says.",
        "Names are looked up in this text from left to right.",
        "The text you have provided is a script.",
    ],
)
def test_what_speaks_of_a_text_elsewhere_is_found(text: str) -> None:
    assert refers(text)


@pytest.mark.parametrize(
    "text",
    [
        "The text of the message is kept in a file.",
        "Each character of the text is compared with the next.",
        "If the text is empty, the result is 0.",
        "The document's root element has two children.",
        "Take notes, and read the article again tomorrow.",
    ],
)
def test_a_text_that_the_words_are_about_is_none_of_these(text: str) -> None:
    assert not refers(text)
