"""What the ceiling and adapting promise: cases that would teach a reader of the chapters nothing."""
from collections import Counter

import pytest
import torch
from torch import nn

from rnn_course.adapt import Adapting, NeuralCache, dynamic_evaluation, token_by_token
from rnn_course.ceiling import (
    ROLES, context_ceiling, error_table, ngram_accuracy, oracle_accuracy, oracle_hits, role)
from rnn_course.data import get_dls, human_numbers, spell, tokenize
from rnn_course.stateful import StatefulLM
from rnn_course.training import evaluate

torch.set_num_threads(1)


@pytest.fixture(scope='module')
def small():
    "A fresh network and a short text in 4 streams."
    torch.manual_seed(0)
    dls = get_dls(4, 20, train=range(1, 7000), valid=range(7000, 7030))
    core = nn.GRU(16, 16, 2, batch_first=True, dropout=.1)
    return StatefulLM(core, len(dls.vocab), n_emb=16).eval(), dls


def test_one_gram_is_the_commonest_token():
    predicted = tokenize(human_numbers('valid'))[1:]
    assert ngram_accuracy(1) == pytest.approx(predicted.count(',')/len(predicted))


def test_more_context_never_hurts_the_best():
    ceilings = [context_ceiling(n) for n in range(21)]
    assert ceilings == sorted(ceilings)
    assert ceilings[7] == 1


@pytest.mark.parametrize('n', [2, 3, 4])
def test_counting_stays_below_the_ceiling(n):
    assert ngram_accuracy(n) <= context_ceiling(n-1)


def test_fewer_streams_have_a_higher_ceiling():
    assert .98 < oracle_accuracy(64) < .99 < oracle_accuracy(1) < 1


def test_who_knows_the_range_is_ahead_at_the_start_only():
    hits, in_range = oracle_hits(), oracle_hits(known=range(8001, 10000))
    assert in_range.mean() > hits.mean()
    assert (hits[:, 7:] == 1).all() and (in_range[:, 7:] == 1).all()


@pytest.mark.parametrize('token, following, wanted', [
    ('eight', 'thousand', 'thousands digit'),
    ('eight', 'hundred', 'hundreds digit'),
    ('eight', ',', 'units')])
def test_a_role_shows_in_the_word_that_follows(token, following, wanted):
    assert role(token, following) == wanted


def test_nothing_is_lost_from_the_error_table(small):
    model, dls = small
    table = error_table(model, dls.valid, dls.vocab)
    assert list(table.index) == ROLES
    assert table.tokens.sum() == sum(y.numel() for _, y in dls.valid)
    accuracy = 1 - table.wrong.sum()/table.tokens.sum()
    assert accuracy == pytest.approx(evaluate(model, dls.valid).accuracy)


@torch.no_grad()
def read(model, *windows):
    "What a model makes of windows that it reads one after another, from a fresh state."
    model.reset()
    logits = torch.cat([model(window) for window in windows], 1)
    model.reset()
    return logits


def test_a_cache_does_not_mind_where_windows_end(small):
    model, dls = small
    cached, ids = NeuralCache(model, theta=1., lam=.6), dls.valid.dataset.x[:, :30]
    whole = read(cached, ids).exp()
    assert torch.allclose(read(cached, ids[:, :7], ids[:, 7:]).exp(), whole, atol=1e-4)
    assert torch.allclose(whole.sum(-1), torch.ones(whole.shape[:2]), atol=1e-4)


def test_a_cache_without_trust_is_the_model(small):
    model, dls = small
    ids = dls.valid.dataset.x[:, :30]
    without_trust = read(NeuralCache(model, lam=0.), ids).exp()
    assert torch.allclose(without_trust, read(model, ids).softmax(-1), atol=1e-4)


def test_dynamic_evaluation_leaves_the_model_and_repeats(small):
    model, dls = small
    before = [p.clone() for p in model.parameters()]
    scores = dynamic_evaluation(model, dls.valid)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters()))
    assert model.state is None
    assert dynamic_evaluation(model, dls.valid) == scores


def test_hardly_a_step_is_hardly_a_change(small):
    model, dls = small
    hardly = dynamic_evaluation(model, dls.valid, lr=1e-9)
    assert hardly.accuracy == pytest.approx(evaluate(model, dls.valid).accuracy, abs=1e-3)


def test_a_target_changes_only_what_comes_after(small):
    model, dls = small
    x, y = dls.valid.dataset.x[:, :20], dls.valid.dataset.y[:, :20]
    other = y.clone()
    other[:, 10] = (other[:, 10] + 1) % len(dls.vocab)

    def learn(targets):
        adapting = Adapting(model)
        return torch.stack([adapting.read(*pair) for pair in token_by_token([(x, targets)])], 1)
    a, b = learn(y), learn(other)
    assert torch.equal(a[:, :11], b[:, :11])
    assert not torch.equal(a[:, 11:], b[:, 11:])


def test_a_cache_cannot_look_ahead(small):
    model, dls = small
    cached, ids = NeuralCache(model, theta=1.5, lam=.5), dls.valid.dataset.x[:, :30]
    changed = ids.clone()
    changed[:, 20] = 3
    assert torch.allclose(read(cached, changed)[:, :20], read(cached, ids)[:, :20], atol=1e-5)


# ---- the oracle, written a second time: it keeps nothing, and searches the whole text

def agree(known, read):
    return known == read or (known, read) == (',', 'xxbos')   # the text may begin with any number


def occurs_before(i, seen, text):
    "Is `seen` what stands before place i of the text?"
    return all(agree(known, read) for known, read in zip(text[i-len(seen):i], seen))


def oracle_by_search(bs, read, known):
    text = tokenize([spell(n) for n in known])
    tokens = tokenize([spell(n) for n in read])
    length = (len(tokens)-1)//bs
    chances = []
    for end in range(1, bs*length + 1):   # predict tokens[end]
        start = (end-1)//length*length    # of its stream
        seen = tokens[start:end]
        places = [i for i in range(len(seen), len(text)) if occurs_before(i, seen, text)]
        followers = Counter(text[i] for i in places)
        best = [token for token, count in followers.items() if count == max(followers.values())]
        chances.append((tokens[end] in best)/len(best))
    return sum(chances)/len(chances)


@pytest.mark.parametrize('bs, read, known', [
    (5, range(60, 131), range(1, 131)),
    (3, range(1, 40), range(1, 100))])
def test_two_oracles_agree(bs, read, known):
    hits = oracle_hits(bs, read=read, known=known)
    assert hits.mean().item() == pytest.approx(oracle_by_search(bs, read, known), abs=1e-12)
