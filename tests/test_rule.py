"""The network that reads and counts: what it reads, what it computes, and the one that ships."""
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import NBS
from torch import nn

from rnn_course import recipes
from rnn_course.counting import counts_to, read_prompt
from rnn_course.data import get_dls, spell, tokenize, training_vocab
from rnn_course.pocket import PocketCopying
from rnn_course.rule import CopyCore, Rehearse
from rnn_course.saving import load, save
from rnn_course.stateful import StatefulLM
from rnn_course.training import evaluate, fit, make_learner

torch.set_num_threads(1)


def a_core(**options):
    torch.manual_seed(0)
    return CopyCore(nn.GRU(6, 8, 2, batch_first=True), n_look=4, **options).double().eval()


OPTIONS = {}, dict(memory=2), dict(following=False), dict(positions=False), dict(blur=.5)


@pytest.mark.parametrize('options', OPTIONS)
@pytest.mark.parametrize('pieces', [[1]*100, [70, 30], [3, 97], [64, 36]])
def test_reading_in_pieces_is_reading_at_once(options, pieces):
    core = a_core(**options)
    x = torch.randn(3, 100, 6, dtype=torch.double)
    whole, state, parts = core(x)[0], None, []
    for piece in x.split(pieces, 1):
        out, state = core(piece, state)
        parts.append(out)
    torch.testing.assert_close(torch.cat(parts, 1), whole)


def test_it_never_looks_ahead_nor_further_back_than_its_memory():
    core = a_core(memory=5)
    x = torch.randn(2, 60, 6, dtype=torch.double)
    other = x.clone()
    other[:, 40:] = 1.
    torch.testing.assert_close(core(other)[0][:, :40], core(x)[0][:, :40])
    weights = core.weights(torch.randn(1, 9, 8).double(), torch.randn(1, 9, 8).double())[0]
    far = torch.ones(9, 9).tril().triu(-4).bool()
    assert (weights[~far] == 0).all()
    assert (weights[far] > 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(9).double())


def test_blur_is_for_training_and_never_for_what_is_copied():
    core = a_core(blur=1.).train()   # the core reads nothing at all
    x, same = torch.randn(1, 30, 6).double(), torch.zeros(1, 30, 6).double()
    read = []
    core.core.register_forward_pre_hook(lambda module, given: read.append(given[0]))
    out, _ = core(x)
    assert (torch.cat(read, 1) == 0).all()
    assert not torch.allclose(out, core(same)[0])   # what is copied came through


def test_a_network_that_copies_is_saved_and_comes_back(tmp_path):
    for options in ({}, dict(following=False, positions=False, blur=.3, hide=.1, memory=4)):
        model = StatefulLM(CopyCore(nn.GRU(64, 64, 2, batch_first=True), **options), 31).eval()
        save(model, tmp_path/'copying.safetensors')
        again, pocket = load(tmp_path/'copying.safetensors'), PocketCopying(tmp_path/'copying.safetensors')
        vocab = training_vocab()
        tokens = tokenize([spell(n) for n in range(1, 30)])
        with torch.no_grad(): logits = model(vocab.encode(tokens)[None])[0]
        torch.testing.assert_close(again(vocab.encode(tokens)[None])[0], logits)
        ours = np.stack([pocket(token) for token in tokens])
        np.testing.assert_allclose(ours, logits.numpy(), atol=1e-4)


# ---- what it reads while it trains

def test_nothing_beyond_its_text_is_rehearsed():
    dls, seen = get_dls(), []
    class Watched(Rehearse):
        def draw(self):
            seen.append(super().draw())
            return seen[-1]
    fit(recipes.recipe('reads_and_counts').model(31), dls, 2, 3e-3, quiet=True, cbs=[Watched()])
    text = dls.vocab.encode(tokenize([spell(n) for n in range(1, 8000)]))
    windows = {tuple(text[i:i+45].tolist()) for i in range(len(text) - 44)}
    drawn = torch.cat(seen)
    assert len(drawn) == 32*2*len(dls.train)
    assert all(tuple(piece) in windows for piece in drawn.tolist())
    thousand = dls.vocab.stoi['thousand']
    new = dls.vocab.encode(['eight', 'nine'])
    assert not (torch.isin(drawn[:, :-1], new) & (drawn[:, 1:] == thousand)).any()


def test_mistakes_are_rehearsed_first():
    rehearse = Rehearse(pieces=200)
    learn = make_learner(recipes.recipe('reads_and_counts').model(31), get_dls(), cbs=[rehearse])
    rehearse.before_fit()
    rehearse.chances = torch.full_like(rehearse.chances, 1e-12)
    rehearse.chances[30_000] = 1.
    pieces = rehearse.draw()
    wanted = rehearse.text[29_990:30_002].tolist()   # the place that was wrong, and what came before it
    assert pieces.shape == (200, 45)
    assert all(str(wanted)[1:-1] in str(piece) for piece in pieces.tolist())
    assert learn.rehearse is rehearse


def test_rehearsal_leaves_the_streams_alone():
    model, rehearse = recipes.recipe('reads_and_counts').model(31), Rehearse()
    learn = make_learner(model, get_dls(), cbs=[rehearse])
    learn.model.train()
    rehearse.before_fit()
    model(learn.dls.train.one_batch()[0])
    before = model.state
    rehearse.of_pieces().backward()
    assert model.state is before


def bad_arguments():
    gru = nn.GRU(6, 8, batch_first=True)
    yield 'memory=1', lambda: CopyCore(gru, memory=1)
    yield 'blur=1.5', lambda: CopyCore(gru, blur=1.5)
    yield 'hide=-1', lambda: CopyCore(gru, hide=-1)
    yield 'core', lambda: CopyCore(nn.Linear(6, 8))
    yield 'pieces=-1', lambda: Rehearse(pieces=-1)
    yield 'length=3', lambda: Rehearse(length=3)
    yield 'power=-1', lambda: Rehearse(power=-1)
    yield 'smoothing=2', lambda: Rehearse(smoothing=2)


@pytest.mark.parametrize('said, call', list(bad_arguments()))
def test_bad_arguments_are_named(said, call):
    with pytest.raises((ValueError, TypeError), match=said): call()


# ---- the one that ships, and its record

def test_the_shipped_network_counts_to_the_end():
    model = load(NBS/'results'/'reads_and_counts.safetensors')
    assert counts_to(model) == (63_094, 9999)
    assert counts_to(model, 'seven thousand nine hundred ninety eight ,')[1] == 9999
    pocket = PocketCopying()
    ids = read_prompt('xxbos ' + ' , '.join(spell(n) for n in range(7990, 8010)), training_vocab())
    tokens = training_vocab().decode(ids[0])
    with torch.no_grad(): logits = model(ids)[0].numpy()
    np.testing.assert_allclose(np.stack([pocket(token) for token in tokens]), logits, atol=1e-3)


def test_rule_on_record():
    table = pd.read_csv(NBS/'results'/'rule.csv')
    on_training = table[table.text == 'training']
    whole = on_training[on_training.network == 'the whole']
    assert sorted(whole.seed) == list(range(20))
    assert (whole[whole.seed < 10].counts_to == 9999).sum() >= 8
    assert (whole.counts_to == 9999).sum() >= 15
    assert whole.accuracy.mean() >= .978
    assert whole.wrong_known.max() == 0
    for network in (*recipes.PARTS, *recipes.OTHERS):
        assert set(range(5)) <= set(on_training[on_training.network == network].seed), network


def test_a_fresh_training_reads_and_counts_as_on_record():
    "That of the chapter: it is trained once in a run of the tests, and never shipped."
    model = recipes.trained('reads_and_counts').model
    right = recipes.numbers_right(model, range(1, 10_000))
    assert evaluate(model, get_dls().valid).accuracy > .97
    assert right[:7999].count(False) <= 2 and right[7999:].count(False) <= 60
