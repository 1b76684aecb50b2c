"""The exercises that check themselves: right answers of strangers pass, typical wrong ones get their hint."""
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rnn_course.data import Streams
from rnn_course.exercises import EXERCISES, check, exercise, find_fault
from rnn_course.linear import scan
from rnn_course.records import compare

every_exercise = pytest.mark.parametrize('name', EXERCISES)


@pytest.fixture
def verdict(capsys):
    "What `check` prints, on one line."
    def verdict(name, function):
        check(name, function)
        return ' '.join(capsys.readouterr().out.split())
    return verdict


# ---- the list

def test_there_are_some_for_each_chapter():
    assert len(EXERCISES) >= 21
    chapters = [task.chapter for task in EXERCISES.values()]
    assert set(chapters) == {*range(9), 14, 15, 16} and chapters == sorted(chapters)


@every_exercise
def test_an_exercise_is_shown_without_its_answer(name, capsys):
    exercise(name)
    shown = capsys.readouterr().out
    assert f'def {name}(' in shown and f'check({name!r}, {name})' in shown
    assert 'return ' not in EXERCISES[name].signature
    assert 'function' not in repr(EXERCISES[name])   # neither the answer nor the mistakes
    assert max(map(len, shown.splitlines())) <= 100


@every_exercise
def test_the_stub_is_python_and_says_that_it_is_empty(name, verdict):
    names = {}
    exec(f'{EXERCISES[name].signature}\n    ...', names)
    said = verdict(name, names[name])
    assert f'{name}: not yet.' in said
    assert 'Nothing came back' in said or 'The layers are what they were' in said


def test_a_wrong_name_is_refused_with_the_list():
    for function in (exercise, lambda name: check(name, len)):
        with pytest.raises(ValueError, match="name='gru': expected one of .*'gru_step'"): function('gru')


def test_a_result_instead_of_a_function_is_refused():
    with pytest.raises(TypeError, match='function: a Tensor; expected your function itself'):
        check('perplexity', torch.ones(3))


def test_the_cases_leave_what_is_random_alone():
    torch.manual_seed(0)
    wanted = torch.randn(3)
    torch.manual_seed(0)
    find_fault(EXERCISES['gru_step'], EXERCISES['gru_step'].solution)
    assert torch.equal(torch.randn(3), wanted)


# ---- right answers

@every_exercise
def test_the_reference_passes_in_one_line(name, capsys):
    check(name, EXERCISES[name].solution)
    line, = capsys.readouterr().out.splitlines()
    assert line.startswith(f'{name}: all is well. ') and len(line) <= 100


def loaded(module, *weights):
    "A cell of PyTorch's with the weights given: W_ih, b_ih, W_hh, b_hh."
    with torch.no_grad():
        for name, weight in zip(('weight_ih', 'bias_ih', 'weight_hh', 'bias_hh'), weights):
            getattr(module, name).copy_(weight)
    return module


def encode_with_a_dict(text, vocab):
    numbers = {token: i for i, token in enumerate(vocab)}
    return torch.tensor([numbers[token] for token in text.split(' ')])


def streams_of_the_course(ids, bs):
    streams = Streams(ids, bs, seq_len=1)
    return streams.x, streams.y


def window_of_the_course(x, i, seq_len):
    padded = torch.cat([x.flatten(), x.new_zeros(1)])
    return Streams(padded, len(x), seq_len)[i][0]


def rnn_step_by_hand(x, h, input_layer, hidden_layer):
    brought = (x @ input_layer.weight.T + input_layer.bias).clamp(min=0)
    return ((brought + h) @ hidden_layer.weight.T + hidden_layer.bias).clamp(min=0)


def read_backwards_into_the_past(x, h, step):
    "The recursion of chapter 1."
    if not x.shape[1]: return h
    return step(x[:, -1], read_backwards_into_the_past(x[:, :-1], h, step))


def one_token_at_a_time(x, h, step, output_layer):
    logits = []
    for t in range(x.shape[1]):
        h = step(x[:, t], h)
        logits.append(output_layer(h)[:, None])
    return torch.cat(logits, 1)


def one_long_window(first, second, h, read):
    return read(torch.cat([first, second], 1), h)[0]


def without_a_graph(first, second, h, read):
    with torch.no_grad(): _, h = read(first, h)
    return read(second, h)[0]


def all_tokens_at_once(batches):
    hits = [(logits.argmax(-1) == targets).flatten().float() for logits, targets in batches]
    return torch.cat(hits).mean()


def elman_of_torch(x, h, *weights):
    return loaded(nn.RNNCell(x.shape[1], h.shape[1]), *weights)(x, h)


def load_state_dicts(rnn, input_layer, hidden_layer):
    for layer, part in ((input_layer, 'ih'), (hidden_layer, 'hh')):
        weight, bias = getattr(rnn, f'weight_{part}_l0'), getattr(rnn, f'bias_{part}_l0')
        layer.load_state_dict(dict(weight=weight, bias=bias))


def token_by_token(x, h_1, h_2, step_1, step_2):
    above = []
    for x_t in x.unbind(1):
        h_1 = step_1(x_t, h_1)
        h_2 = step_2(h_1, h_2)
        above.append(h_2)
    return torch.stack(above, dim=1)


def masked(x, lower, upper, keep, p):
    return upper(lower(x).masked_fill(~keep, 0)*(1/(1 - p)))


def counted(kind, n_in, n_hidden, n_layers):
    module = {'RNN': nn.RNN, 'GRU': nn.GRU}[kind](n_in, n_hidden, n_layers)
    return sum(p.numel() for p in module.parameters())


def gate_of_a_held_gru(x, h, *weights):
    "With a candidate of 0 the state after a step of nn.GRU is the gate times the state before."
    W_ih, b_ih, W_hh, b_hh = (tensor.clone() for tensor in weights)
    H = h.shape[1]
    for tensor in (W_ih, b_ih, W_hh, b_hh): tensor[2*H:] = 0
    return loaded(nn.GRUCell(x.shape[1], H), W_ih, b_ih, W_hh, b_hh)(x, h)/h


def gru_of_torch(x, h, *weights):
    return loaded(nn.GRUCell(x.shape[1], h.shape[1]), *weights)(x, h)


def lstm_of_torch(x, h, c, *weights):
    return loaded(nn.LSTMCell(x.shape[1], h.shape[1]), *weights)(x, (h, c))


def error_by_hand(first, second):
    variances = [sum((a - group.mean())**2 for a in group)/(len(group) - 1) for group in (first, second)]
    return math.sqrt(variances[0]/len(first) + variances[1]/len(second))


def chance_by_counting(first, second):
    points = 0
    for a in first.tolist():
        for b in second.tolist(): points += 1 if a > b else .5 if a == b else 0
    return points/(len(first)*len(second))


def radius_by_numpy(W):
    import numpy as np
    return float(abs(np.linalg.eigvals(W.double().numpy())).max())


def clipped_by_torch(gradients, limit):
    weights = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for weight, g in zip(weights, gradients): weight.grad = g.clone()
    nn.utils.clip_grad_norm_(weights, limit)
    return tuple(weight.grad for weight in weights)


def gradient_by_autograd(g, h_new, W_hh):
    h = torch.randn_like(h_new, requires_grad=True)
    before = h_new.atanh()   # as if the input had brought what is missing
    after = torch.tanh(h @ W_hh.T + (before - h @ W_hh.T).detach())
    return torch.autograd.grad(after, h, g)[0]


def two_steps_of_a_scan(a1, b1, a2, b2):
    "The factor is what a state of 1 gains, what is added is what becomes of 0."
    a, b = torch.stack([a1, a2])[None], torch.stack([b1, b2])[None]   # (1,2,H)
    added = scan(a, b)[0, -1]
    return scan(a, b, torch.ones(1, len(a1)))[0, -1] - added, added


def attention_of_torch(query, keys, values):
    return F.scaled_dot_product_attention(query[None, None], keys[None], values[None])[0, 0]


def one_pair_at_a_time(read, new, memory):
    rows = [[i - memory <= j <= i for j in range(read + new)] for i in range(read, read + new)]
    return torch.tensor(rows)


STRANGERS = dict(
    encode_text=encode_with_a_dict,
    cut_into_streams=streams_of_the_course,
    window=window_of_the_course,
    rnn_step=rnn_step_by_hand,
    last_state=read_backwards_into_the_past,
    loss_of_one=lambda logits, target: F.cross_entropy(logits[None], torch.tensor([target])).item(),
    perplexity=lambda losses: math.exp(sum(losses.tolist())/len(losses)),
    logits_everywhere=one_token_at_a_time,
    two_windows=one_long_window,
    detach_between=without_a_graph,
    accuracy=all_tokens_at_once,
    elman_step=elman_of_torch,
    copy_weights=load_state_dicts,
    batchnorm=lambda x, weight, bias, eps: F.batch_norm(x, None, None, weight, bias, training=True, eps=eps),
    two_layers=token_by_token,
    dropout_between=masked,
    number_of_weights=counted,
    update_gate=gate_of_a_held_gru,
    candidate=lambda x, h, r, W, b, W_h, b_h: (F.linear(x, W, b) + r*F.linear(h, W_h, b_h)).tanh(),
    gru_step=gru_of_torch,
    standard_error=error_by_hand,
    chance_to_win=chance_by_counting,
    lstm_step=lstm_of_torch,
    spectral_radius=radius_by_numpy,
    clip=clipped_by_torch,
    gradient_through_step=gradient_by_autograd,
    two_in_one=two_steps_of_a_scan,
    linear_recurrence=scan,
    parity_sign=lambda bits: torch.where(bits.cumsum(1) % 2 == 0, 1, -1),
    look_up=attention_of_torch,
    may_look=one_pair_at_a_time,
)


@every_exercise
def test_the_answers_of_strangers_pass(name, verdict):
    assert f'{name}: all is well.' in verdict(name, STRANGERS[name])


def test_chapter_6_says_the_same():
    first, second = torch.rand(5, dtype=torch.double), torch.rand(7, dtype=torch.double)
    theirs = compare(first, second)
    assert round(100*EXERCISES['standard_error'].solution(first, second).item(), 1) == theirs['error']
    assert round(EXERCISES['chance_to_win'].solution(first, second).item(), 2) == theirs['chance']


# ---- wrong answers

MISTAKES = [(name, hint) for name, task in EXERCISES.items() for hint in task.mistakes]


@pytest.mark.parametrize('name, hint', MISTAKES, ids=[f'{name}-{i}' for i, (name, _) in enumerate(MISTAKES)])
def test_every_mistake_gets_its_own_hint(name, hint):
    assert find_fault(EXERCISES[name], EXERCISES[name].mistakes[hint]) == hint


@every_exercise
def test_every_exercise_knows_some_mistakes(name):
    assert len(EXERCISES[name].mistakes) >= 4


def own_vocabulary(text, vocab):
    numbers = {}
    for word in text.split(): numbers.setdefault(word, len(numbers))
    return torch.tensor([numbers[word] for word in text.split()])


def targets_not_shifted(ids, bs):
    length = (len(ids)-1)//bs
    table = ids[:bs*length].reshape(bs, length)
    return table, table.clone()


def no_room_for_the_last(ids, bs):
    n = len(ids)//bs
    return ids[:bs*n].view(bs, n), ids[1:bs*n+1].view(bs, n)


def state_left_behind(x, h, step):
    for t in range(x.shape[1]): new = step(x[:, t], h)
    return new


def stacked_in_front(x, h, step, output_layer):
    out = []
    for t in range(x.shape[1]):
        h = step(x[:, t], h)
        out.append(output_layer(h))
    return torch.stack(out)


def state_stays(x, h, step, output_layer):
    out = [output_layer(step(x[:, t], h)) for t in range(x.shape[1])]
    return torch.stack(out, dim=1)


def both_from_the_start(first, second, h, read):
    return torch.cat((read(first, h)[0], read(second, h)[0]), dim=1)


def not_detached(first, second, h, read):
    _, state = read(first, h)
    return read(second, state)[0]


def detached_too_much(first, second, h, read):
    _, state = read(first, h)
    return read(second.detach(), state.detach())[0]


def detached_too_early(first, second, h, read):
    _, state = read(first, h.detach())
    return read(second, state)[0]


def mean_of_means(batches):
    each = [(logits.argmax(2) == targets).float().mean() for logits, targets in batches]
    return sum(each)/len(each)


def shares_its_weights(rnn, input_layer, hidden_layer):
    input_layer.weight, input_layer.bias = rnn.weight_ih_l0, rnn.bias_ih_l0
    hidden_layer.weight, hidden_layer.bias = rnn.weight_hh_l0, rnn.bias_hh_l0


def no_biases(rnn, input_layer, hidden_layer):
    input_layer.weight.data.copy_(rnn.weight_ih_l0)
    hidden_layer.weight.data.copy_(rnn.weight_hh_l0)


def layer_norm(x, weight, bias, eps):
    return F.layer_norm(x, x.shape[1:], weight, bias, eps)


def upper_reads_tokens(x, h_1, h_2, step_1, step_2):
    out = []
    for t in range(x.shape[1]):
        h_1, h_2 = step_1(x[:, t], h_1), step_2(x[:, t], h_2)
        out.append(h_2)
    return torch.stack(out, 1)


def lower_left_behind(x, h_1, h_2, step_1, step_2):
    out = []
    for t in range(x.shape[1]):
        h_2 = step_2(step_1(x[:, t], h_1), h_2)
        out.append(h_2)
    return torch.stack(out, 1)


def one_bias(kind, n_in, n_hidden, n_layers):
    each = n_in*n_hidden + n_hidden**2 + n_hidden
    above = (n_layers - 1)*(2*n_hidden**2 + n_hidden)
    return (3 if kind == 'GRU' else 1)*(each + above)


def reset_gate(x, h, W_ih, b_ih, W_hh, b_hh):
    H = h.shape[1]
    return torch.sigmoid(x @ W_ih[:H].T + b_ih[:H] + h @ W_hh[:H].T + b_hh[:H])


def reset_before_the_matrix(x, h, reset, W_in, b_in, W_hn, b_hn):
    return torch.tanh(F.linear(x, W_in, b_in) + F.linear(reset*h, W_hn, b_hn))


def gru_with(keep, before):
    "A GRU in the form of this book or that."
    def step(x, h, W_ih, b_ih, W_hh, b_hh):
        H = h.shape[1]
        from_x, from_h = F.linear(x, W_ih, b_ih), F.linear(h, W_hh, b_hh)
        gates = torch.sigmoid(from_x[:, :2*H] + from_h[:, :2*H])
        r, z = gates[:, :H], gates[:, H:]
        state = F.linear(r*h, W_hh[2*H:], b_hh[2*H:]) if before else r*from_h[:, 2*H:]
        n = torch.tanh(from_x[:, 2*H:] + state)
        return (1-z)*n + z*h if keep else z*n + (1-z)*h
    return step


def lstm_with(squeeze, swap):
    def step(x, h, c, W_ih, b_ih, W_hh, b_hh):
        a, b, g, o = torch.chunk(F.linear(x, W_ih, b_ih) + F.linear(h, W_hh, b_hh), 4, dim=-1)
        i, f = (b, a) if swap else (a, b)
        c = torch.sigmoid(f)*c + torch.sigmoid(i)*torch.tanh(g)
        return torch.sigmoid(o)*(torch.tanh(c) if squeeze else c), c
    return step


def clipped_one_by_one(gradients, limit):
    return [g*(limit/g.norm()) if g.norm() > limit else g for g in gradients]


def always_to_the_limit(gradients, limit):
    length = torch.cat([g.flatten() for g in gradients]).norm()
    return [g/length*limit for g in gradients]


TYPICAL = [   # exercise, an answer as a reader might type it, words of the hint
    ('encode_text', own_vocabulary, 'in the order in which your text brings them'),
    ('encode_text', lambda text, vocab: torch.tensor([vocab.index(c) for c in text]), 'through the letters'),
    ('encode_text', lambda text, vocab: [vocab.index(t) for t in text.split()], 'A list of 8 came back'),
    ('cut_into_streams', targets_not_shifted, 'targets are not shifted'),
    ('cut_into_streams', no_room_for_the_last, 'the very last token has no target'),
    ('window', lambda x, i, seq_len: x[:, i:i+seq_len], 'Your windows overlap'),
    ('window', lambda x, i, seq_len: x.T[i*seq_len:(i+1)*seq_len], 'Equal but for a transposition'),
    ('rnn_step', lambda x, h, a, b: F.relu(b(F.relu(a(x)))), 'state does not go along'),
    ('rnn_step', lambda x, h, a, b: F.relu(a(x) + b(h)), "textbook's cell"),
    ('last_state', state_left_behind, 'Your state does not go along'),
    ('last_state', lambda x, h, step: [h := step(row, h) for row in x][-1], 'through the streams'),
    ('loss_of_one', lambda logits, target: torch.log_softmax(logits, 0)[target], 'The sign is wrong'),
    ('loss_of_one', lambda logits, target: -torch.log(F.softmax(logits, 0))[target], 'log_softmax'),
    ('loss_of_one', lambda logits, target: logits.exp().sum().log() - logits[target], 'for small logits'),
    ('perplexity', lambda losses: torch.exp(losses).mean(), 'averaged too late'),
    ('perplexity', lambda losses: 2**(losses.sum()/len(losses)), 'That is for bits'),
    ('logits_everywhere', state_stays, 'Right at the first token and wrong after it'),
    ('logits_everywhere', stacked_in_front, 'Equal but for a transposition'),
    ('two_windows', both_from_the_start, 'the second begins with the old h'),
    ('detach_between', not_detached, 'the gradient flows past the window'),
    ('detach_between', detached_too_early, 'the gradient flows past the window'),
    ('detach_between', detached_too_much, 'No gradient reaches the second window'),
    ('accuracy', mean_of_means, 'averaged the accuracies of the batches'),
    ('accuracy', lambda batches: sum((x.argmax(1) == y).sum() for x, y in batches), 'along the wrong axis'),
    ('elman_step', lambda x, h, W, b, V, c: torch.tanh(x @ W.T + b + h @ V + c), 'W_hh is on its side'),
    ('elman_step', lambda x, h, W, b, V, c: torch.tanh(x @ W + b + h @ V + c), 'keeps W as (out, in)'),
    ('copy_weights', no_biases, 'the biases were forgotten'),
    ('copy_weights', shares_its_weights, 'nothing was copied: the layers share'),
    ('batchnorm', layer_norm, 'Your mean is over the wrong axis'),
    ('batchnorm', lambda x, w, b, eps: (x - x.mean(0))/torch.sqrt(x.var(0) + eps)*w + b, 'divided by B - 1'),
    ('batchnorm', lambda x, w, b, eps: (x - x.mean(1))/x.std(1)*w + b, 'a mean lacks keepdim=True'),
    ('two_layers', upper_reads_tokens, 'Your upper layer reads the tokens'),
    ('two_layers', lower_left_behind, 'the state of the *lower* layer does not go'),
    ('dropout_between', lambda x, low, up, keep, p: up(low(x)*keep), 'What stays is not made larger'),
    ('dropout_between', lambda x, low, up, keep, p: up(low(x))*keep/(1-p), 'dropped above the upper layer'),
    ('number_of_weights', one_bias, 'You count one bias'),
    ('update_gate', reset_gate, 'That is the reset gate'),
    ('candidate', reset_before_the_matrix, 'Reset gate before the matrix'),
    ('gru_step', gru_with(keep=False, before=False), 'z and 1 - z have changed places'),
    ('gru_step', gru_with(keep=True, before=True), 'Reset gate before the matrix'),
    ('standard_error', lambda a, b: (a.std()**2 + b.std()**2)**.5, 'not divided by the number of runs'),
    ('standard_error', lambda a, b: a.std()/len(a)**.5 + b.std()/len(b)**.5, 'You have added the two errors'),
    ('chance_to_win', lambda a, b: (a.view(-1, 1) > b).double().mean(), 'Ties count nothing'),
    ('chance_to_win', lambda a, b: torch.stack([x > b for x in a]).sum()/1, 'was wanted'),
    ('lstm_step', lstm_with(squeeze=False, swap=False), 'h shows it as it is'),
    ('lstm_step', lstm_with(squeeze=True, swap=True), 'forget gate have changed places'),
    ('spectral_radius', lambda W: torch.linalg.svdvals(W)[0], 'largest *singular* value'),
    ('spectral_radius', lambda W: max(torch.linalg.eigvals(W), key=abs), 'complex numbers came'),
    ('clip', clipped_one_by_one, 'clipped each tensor for itself'),
    ('clip', always_to_the_limit, 'A gradient that was short enough has become longer'),
    ('gradient_through_step', lambda g, h, W: (g*(1 - h*h)) @ W.T, 'Equal but for a transposition'),
    ('gradient_through_step', lambda g, h, W: g @ W, 'The slope of the tanh is missing'),
    ('two_in_one', lambda a1, b1, a2, b2: (a1*a2, b1 + b2), 'what the first has added, too'),
    ('linear_recurrence', lambda a, b: scan(a, b)[:, -1], 'the last state alone'),
    ('parity_sign', lambda bits: bits.sum(1, keepdim=True) - bits.flip(1).cumsum(1).flip(1) + bits,
     'counted the ones'),
    ('look_up', lambda query, keys, values: torch.softmax(keys @ query, 0) @ values,
     'not divided by the root'),
    ('may_look', lambda read, new, memory: torch.ones(new, read + new).tril(read).bool(),
     'memory has no end'),
]


@pytest.mark.parametrize('name, function, hint', TYPICAL, ids=[f'{t[0]}-{i}' for i, t in enumerate(TYPICAL)])
def test_a_typical_mistake_is_recognised(name, function, hint, verdict):
    said = verdict(name, function)
    assert f'{name}: not yet.' in said and hint in said


def test_every_exercise_has_a_typical_mistake():
    assert {name for name, *_ in TYPICAL} == set(EXERCISES)


# ---- what nobody foresaw

def changes_h(x, h, W_ih, b_ih, W_hh, b_hh):
    new = EXERCISES['gru_step'].solution(x, h, W_ih, b_ih, W_hh, b_hh)
    h += 1
    return new


def changes_gradients(gradients, limit):
    clipped = EXERCISES['clip'].solution(gradients, limit)
    for g, new in zip(gradients, clipped): g.copy_(new)
    return gradients


def unlike(name, change):
    "The right answer, changed at the end."
    return lambda *given: change(EXERCISES[name].solution(*given))


@pytest.mark.parametrize('name, function, hints', [
    ('gru_step', unlike('gru_step', lambda h: h[:, :1]), ['One size is off', 'It was given x: (']),
    ('gru_step', unlike('gru_step', lambda h: h.mean(1)), ['An axis is missing', 'W_ih: (']),
    ('gru_step', unlike('gru_step', lambda h: h[:, None]), ['an axis too many']),
    ('gru_step', unlike('gru_step', lambda h: h.T), ['Equal but for a transposition']),
    ('gru_step', unlike('gru_step', lambda h: h.T + 1), ['their order is not']),
    ('gru_step', unlike('gru_step', lambda h: -h), ['Equal but for the sign']),
    ('gru_step', unlike('gru_step', lambda h: 2*h), ['Every number is 2 times']),
    ('gru_step', unlike('gru_step', lambda h: h/0), ['nan or an infinity']),
    ('gru_step', unlike('gru_step', lambda h: h + .1), ['numbers are wrong. The worst:', 'was wanted']),
    ('gru_step', unlike('gru_step', lambda h: (h, h)), ['A tuple of 2 came back']),
    ('gru_step', unlike('gru_step', lambda h: 'h'), ['A str came back']),
    ('gru_step', unlike('gru_step', lambda h: None), ['Nothing came back']),
    ('gru_step', lambda x, h: h, ['It stopped with TypeError', 'The stub says']),
    ('gru_step', lambda *given: hidden, ['NameError', 'A name is not known']),   # noqa: F821
    ('gru_step', changes_h, ['has changed the h that it was lent']),
    ('clip', changes_gradients, ['has changed the gradients']),
    ('lstm_step', unlike('lstm_step', lambda pair: pair[0]), ['One thing came back, and 2 were wanted']),
    ('lstm_step', unlike('lstm_step', lambda pair: (pair[0], 3*pair[1])), ['Number 2 of what came back']),
    ('encode_text', unlike('encode_text', lambda ids: ids.float()), ['whole numbers were wanted']),
    ('number_of_weights', unlike('number_of_weights', float), ['whole numbers were wanted']),
    ('two_layers', unlike('two_layers', lambda out: torch.cat([out[:, :1], out[:, 1:]**2], 1)),
     ['Right at the first token and wrong after it']),
])
def test_the_unforeseen_is_described(name, function, hints, verdict):
    said = verdict(name, function)
    for hint in hints: assert hint in said
