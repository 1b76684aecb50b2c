"Settings of chapter 12: what would teach nothing in the chapter."
from dataclasses import replace

import torch
from torch import nn

from rnn_course.frames import RegularisedLM
from rnn_course.regularise import Setting, scores_of
from rnn_course.training import evaluate


def test_training_repeats_exactly_and_a_penalty_changes_it():
    smoothed = Setting('rnn', 16, label_smoothing=.1, epochs=1)
    penalised = replace(smoothed, ar=1.)
    learn = penalised.train()
    assert type(learn.model.core) is nn.RNN
    assert learn.model.core.hidden_size == 16
    assert scores_of(learn.model, 'training') == evaluate(learn.model, learn.dls.valid)
    assert penalised.train().recorder.values == learn.recorder.values
    assert smoothed.train().recorder.values != learn.recorder.values


def test_dropout_before_the_output_drops_while_training_only():
    torch.manual_seed(0)
    ids = torch.randint(31, (4, 9))
    model = RegularisedLM(nn.GRU(64, 64, batch_first=True), 31, dropout=.5)

    def change_between_two_calls():
        out = model.hidden(ids)
        model.reset()
        return (model.read_out(out) - model.read_out(out)).abs().max().item()

    model.eval()
    assert change_between_two_calls() == 0
    model.train()
    assert change_between_two_calls() > 0
