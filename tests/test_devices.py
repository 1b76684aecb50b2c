"""CUDA and MPS: the same numbers as on the CPU, where there is such a device; else skipped, and why."""
import copy

import pytest
import torch
from fastai.basics import set_seed
from torch import nn

from rnn_course.adapt import NeuralCache, dynamic_evaluation
from rnn_course.attention import AttentionCore, LookBackCore
from rnn_course.data import get_dls
from rnn_course.deep import StackedCore
from rnn_course.gru import GRUCore
from rnn_course.linear import LRUCore, MinGRUCore, MinLSTMCore
from rnn_course.lstm import LSTMCore
from rnn_course.rule import CopyCore
from rnn_course.saving import load, save
from rnn_course.stateful import AdditiveCore, ElmanCore, StatefulLM
from rnn_course.training import evaluate, fit

THERE = {'cuda': torch.cuda.is_available(), 'mps': torch.backends.mps.is_available()}


@pytest.fixture(params=THERE)
def device(request):
    if not THERE[request.param]: pytest.skip(f'no {request.param} device on this machine')
    return request.param


def gru(): return nn.GRU(64, 64, 2, batch_first=True)


CORES = {
    'nn.RNN': lambda: nn.RNN(64, 64, batch_first=True), 'nn.GRU': gru,
    'nn.LSTM': lambda: nn.LSTM(64, 64, batch_first=True),
    'AdditiveCore': lambda: AdditiveCore(64), 'ElmanCore': lambda: ElmanCore(64, 64),
    'GRUCore': lambda: GRUCore(64, 64), 'LSTMCore': lambda: LSTMCore(64, 64),
    'StackedCore': lambda: StackedCore([GRUCore(64, 64), GRUCore(64, 64)]),
    'MinGRUCore': lambda: MinGRUCore(64, 64), 'MinLSTMCore': lambda: MinLSTMCore(64, 64),
    'LRUCore': lambda: LRUCore(64, 64), 'AttentionCore': lambda: AttentionCore(64, 64),
    'LookBackCore': lambda: LookBackCore(gru()), 'CopyCore': lambda: CopyCore(gru()),
}


@pytest.mark.parametrize('name', CORES)
def test_a_core_says_the_same_as_on_the_cpu(device, name):
    set_seed(0)
    model = StatefulLM(CORES[name](), 31).eval()
    ids = torch.randint(31, (4, 60))
    there = copy.deepcopy(model).to(device)
    with torch.no_grad():
        for piece in ids.split(25, 1):   # its state travels too
            wanted, found = model(piece), there(piece.to(device)).cpu()
            torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize('name', ['nn.GRU', 'GRUCore', 'LRUCore', 'CopyCore'])
def test_it_trains_there(device, name, tmp_path):
    set_seed(0)
    dls = get_dls(device=device)
    model = StatefulLM(CORES[name](), len(dls.vocab))
    fit(model, dls, epochs=2, lr=1e-2, quiet=True)
    assert next(model.parameters()).device.type == device
    scores = evaluate(model, dls.valid)
    assert scores.accuracy > .15
    save(model, tmp_path/'there.safetensors')
    back = load(tmp_path/'there.safetensors')
    assert evaluate(back, get_dls().valid).accuracy == pytest.approx(scores.accuracy, abs=.005)


def test_it_learns_while_it_reads(device):
    "Dynamic evaluation goes backward through a network in evaluation mode, which cuDNN refuses."
    dls = get_dls(device=device)
    model = StatefulLM(gru(), len(dls.vocab)).to(device)
    before = evaluate(model, dls.valid)
    assert dynamic_evaluation(model, dls.valid, lr=.05).loss < before.loss
    assert evaluate(NeuralCache(model), dls.valid).loss < before.loss
