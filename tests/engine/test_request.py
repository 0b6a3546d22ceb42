import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.engine.request import Request, Sampling, Thinking
from phial.errors import PhialError


@given(
    st.dictionaries(
        st.sampled_from(
            ["temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"]
        ),
        st.sampled_from([math.nan, math.inf, -math.inf, -1e9, 1e9]),
        min_size=1,
    )
)
def test_absurd_numbers_are_refused(wrong: dict) -> None:
    with pytest.raises(PhialError) as caught:
        Sampling(**wrong)
    assert caught.value.do


@pytest.mark.parametrize(
    "wrong",
    [
        {"logprobs": 21},
        {"logprobs": -1},
        {"seed": 1 << 64},
        {"logit_bias": ((1, math.nan),)},
        {"logit_bias": tuple((i, 1.0) for i in range(2000))},
    ],
)
def test_what_would_be_too_much_is_refused(wrong: dict) -> None:
    with pytest.raises(PhialError, match=next(iter(wrong))):
        Sampling(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 0},
        {"n": 1 << 40},
        {"stop": ("",)},
        {"stop": ("a" * 300,)},
        {"stop": ("a",) * 17},
        {"stop_ids": frozenset(range(999))},
        {"salt": bytes(5000)},
        {"rope_switch": "never"},
        {"images": [(2, np.zeros((2, 4)))]},
        {"images": [(-1, np.zeros((1, 4)))]},
    ],
)
def test_requests_are_bounded(wrong: dict) -> None:
    with pytest.raises(PhialError):
        Request([1, 2, 3], **wrong)


def test_thinking_needs_a_tag() -> None:
    for wrong in ({"tokens": -1}, {"tokens": 1, "close": ""}, {"tokens": 1, "hint_tokens": -2}):
        with pytest.raises(PhialError):
            Thinking(**wrong)


def test_salts_tell_tenants_adapters_and_images_apart() -> None:
    image = np.arange(6, dtype=np.float32).reshape(2, 3)
    requests = [
        (Request([1, 2, 3]), None),
        (Request([1, 2, 3], salt=b"one"), None),
        (Request([1, 2, 3]), "one"),
        (Request([1, 2, 3]), ""),
        (Request([1, 2, 3], images=[(0, image)]), None),
        (Request([1, 2, 3], images=[(1, image)]), None),
        (Request([1, 2, 3], images=[(0, image.reshape(1, 6))]), None),
        (Request([1, 2, 3], images=[(0, image + 1)]), None),
    ]
    salts = [request.sharing_salt(adapter) for request, adapter in requests]
    assert len(set(salts)) == len(requests)
    assert salts[0] == b"" and salts[1] == Request([9], salt=b"one").sharing_salt()
