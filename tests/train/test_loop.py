"""The loop: bit-exact resume, and the invariants of a sum-loss step."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from phial.errors import PhialError
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.tokens.shards import Document, read_shard, write_shard
from phial.train.loader import Loader, Position, rows_to_batch
from phial.train.loop import TrainConfig, accumulate, next_token, train
from phial.train.objective import IGNORE, linear_cross_entropy
from phial.train.team import Team

ROW = 33
CONFIG = ModelConfig(64, 32, 48, 2, 4, 2, 32)


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shard")
    random = np.random.default_rng(0)
    documents = []
    for index in range(60):
        length = int(random.integers(4, ROW))
        ids = [0, *random.integers(2, 64, length - 2).tolist(), 1]
        documents.append(Document(f"r{index}", ids, ((1, length),), length))
    write_shard(folder, documents, ROW, 64, 1)
    return read_shard(folder)


def fresh():
    model = Decoder(CONFIG)
    model.initialise(0)
    return model


class Killed(Exception):
    pass


@pytest.mark.parametrize(("stop", "threads"), [(1, 1), (7, 2), (19, 3)])
def test_a_killed_run_ends_with_the_same_bits(shard, tmp_path, stop, threads):
    config = TrainConfig(20 * 4 * 32, batch_rows=4, micro_rows=4, evaluations=3, save_seconds=0.0, threads=threads)
    whole, parts = fresh(), fresh()
    train(whole, shard, {"x": shard}, config, tmp_path / "whole", lambda tokens, loss: None)

    def kill(tokens, loss):
        if tokens == stop * 4 * 32:
            raise Killed

    with pytest.raises(Killed):
        train(parts, shard, {"x": shard}, config, tmp_path / "parts", kill)
    resumed = fresh()
    train(resumed, shard, {"x": shard}, config, tmp_path / "parts", lambda tokens, loss: None)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert (tmp_path / "whole/metrics.jsonl").read_bytes() == (tmp_path / "parts/metrics.jsonl").read_bytes()


def test_training_lowers_the_loss(shard, tmp_path):
    config = TrainConfig(tokens=60 * 4 * 32, batch_rows=4, micro_rows=2)
    model = fresh()
    train(model, shard, {}, config, tmp_path, lambda tokens, loss: None)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] - 0.2


def test_one_batch_of_eight_is_eight_of_one(shard):
    gradients = []
    for micro in (8, 1):
        model, batch = fresh(), Loader(shard, 8, Position(3)).next()
        for start in range(0, 8, micro):
            part = slice(start, start + micro)
            piece = replace(batch, ids=batch.ids[part], targets=batch.targets[part], starts=batch.starts[part])
            (next_token(model, piece, None) / batch.count).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-7)


def test_threads_share_a_step(shard):
    batch, gradients = Loader(shard, 5, Position(3)).next(), []
    for threads in (1, 2, 3):
        with Team(fresh(), threads) as team:
            loss = accumulate(team, batch, TrainConfig(1, micro_rows=2))
            gradients.append(torch.cat([loss[None], *(p.grad.flatten() for p in team.models[0].parameters())]))
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(gradients[2], gradients[0], rtol=1e-4, atol=1e-7)


def test_packed_with_document_mask_is_padded(shard):
    model = fresh()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(0, 0.2)
        row = next(r for r in range(shard.rows) if shard.starts[r].sum() > 1)
        batch = rows_to_batch(shard, np.array([row]))
        packed = model(batch.ids, batch.starts)[0]
        edges = [*torch.nonzero(batch.starts[0]).flatten().tolist(), batch.ids.shape[1]]
        for start, end in itertools.pairwise(edges):
            alone = model(batch.ids[:, start:end])[0]
            torch.testing.assert_close(packed[start:end], alone, rtol=1e-4, atol=1e-4)


def test_a_batch_without_targets_adds_nothing():
    hidden = torch.randn(5, 32, requires_grad=True)
    weight = torch.randn(64, 32, requires_grad=True)
    loss = linear_cross_entropy(hidden, weight, torch.full((5,), IGNORE))
    loss.backward()
    assert loss.item() == 0.0 and not hidden.grad.any() and not weight.grad.any()


def test_linear_cross_entropy_is_torchs():
    torch.manual_seed(0)
    hidden, weight = torch.randn(2100, 16, requires_grad=True), torch.randn(40, 16, requires_grad=True)
    targets = torch.randint(0, 40, (2100,)).masked_fill(torch.rand(2100) < 0.3, IGNORE)
    ours = linear_cross_entropy(hidden, weight, targets)
    gradients = torch.autograd.grad(ours * 3, (hidden, weight))
    theirs = torch.nn.functional.cross_entropy(hidden @ weight.T, targets, ignore_index=IGNORE, reduction="sum")
    expected = torch.autograd.grad(theirs * 3, (hidden, weight))
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-4)


def test_a_loss_that_is_not_finite_stops_the_run(shard, tmp_path):
    model = fresh()
    with torch.no_grad():
        model.norm.weight.fill_(float("nan"))
    with pytest.raises(PhialError, match="not finite"):
        train(model, shard, {}, TrainConfig(tokens=4000, batch_rows=2), tmp_path, lambda tokens, loss: None)


def test_order_does_not_depend_on_where_it_is_resumed(shard):
    loader = Loader(shard, 5, Position(1))
    batches = []
    for _ in range(12):
        batches.append((loader.position, loader.next().ids))
    for position, ids in batches:
        assert torch.equal(Loader(shard, 5, position).next().ids, ids)
