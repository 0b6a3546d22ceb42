"""The one-line notation of a quantized model's form."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.kernels.packing import GROUP_SIZES
from phial.model.config import Experts, ModelConfig
from phial.model.decoder import Decoder
from phial.quant.form import STANDARD, Form, fitting, form_of, parse_form, standard_form
from phial.quant.quantize import quantize
from phial.quant.weights import DecoderParameters

CONFIG = ModelConfig(
    vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64,
)  # fmt: skip


@given(
    st.sampled_from(GROUP_SIZES), st.booleans(), st.booleans(),
    st.sets(st.sampled_from(["lm_head", "*.down_proj", "layers.1.self_attn.qkv_proj"])),
)  # fmt: skip
def test_a_form_is_read_as_it_is_written(size, by_group, rotated, lifted):
    form = Form(size, by_group, rotated, tuple(sorted(lifted, key=lambda name: name != "lm_head")))
    assert parse_form(str(form)) == form
    assert parse_form(" ".join(reversed(str(form).split()))) in (form, Form(size, by_group, rotated, form.lifted[::-1]))


def test_words_that_say_nothing_are_refused():
    for text in ("g48", "int8:", "g32 tokens"):
        with pytest.raises(PhialError, match="says nothing"):
            parse_form(text)
    with pytest.raises(PhialError, match="no matrix"):
        parse_form("int8:*.up_projection").bits(CONFIG)


def test_a_model_quantized_to_a_form_has_it():
    torch.manual_seed(0)
    parameters = DecoderParameters(Decoder(CONFIG))
    for text in ("g32 group head8", "g64 token head4 int8:layers.0.self_attn.o_proj int8:*.mlp.down_proj"):
        made = quantize(parameters, parse_form(text).settings(CONFIG, "rtn"))
        assert str(form_of(made)) == text
        assert {m.bits for m in made.matrices.values()} == {4, 8}
        assert np.isfinite(made.bits_per_weight)


def test_what_can_not_be_turned_is_not():
    moe = replace(CONFIG, layout="phimoe", norm="layer", experts=Experts(4))
    turned = Form(64, rotated=True, lifted=("lm_head",))
    assert fitting(turned, moe) == replace(turned, rotated=False)
    assert fitting(turned, CONFIG) == turned
    assert standard_form(CONFIG) == STANDARD
