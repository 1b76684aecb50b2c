"What came after 2018: a scan is a loop, every core reads in pieces, nothing looks ahead, one sign decides."
import math
import os

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from rnn_course.attention import PIECE, AttentionCore, LookBackCore
from rnn_course.deep import StackedCore
from rnn_course.linear import LRUCore, MinGRUCore, MinLSTMCore, ResidualBlock, one_by_one, scan
from rnn_course.stateful import StatefulLM
from rnn_course.tracking import NOT_ASKED, TASKS, DeltaCore, as_many, counting, say_again, share_right

torch.set_num_threads(1)
EXAMPLES = 20 if 'RNN_COURSE_QUICK' in os.environ else 100
CORES = {   # n_in, n_hidden -> a core; n_hidden is a multiple of 4
    'minGRU':          MinGRUCore,
    'minGRU with a sign': lambda n_in, n_hidden: MinGRUCore(n_in, n_hidden, lowest=-1),
    'minLSTM':         MinLSTMCore,
    'LRU':             LRUCore,
    'delta rule':      lambda n_in, n_hidden: DeltaCore(n_in, n_hidden, most=2.),
    'attention':       lambda n_in, n_hidden: AttentionCore(n_in, n_hidden, memory=5),
    'no positions':    lambda n_in, n_hidden: AttentionCore(n_in, n_hidden, memory=5, positions=False),
    'looks back':      lambda n_in, n_hidden: LookBackCore(nn.GRU(n_in, n_hidden, batch_first=True)),
}
every_core = pytest.mark.parametrize('name', CORES)


def made(name, n_in, n_hidden):
    return CORES[name](n_in, n_hidden).double()


# ---- a scan is a loop

@settings(max_examples=EXAMPLES, deadline=None)
@given(
    streams=st.integers(1, 5),
    tokens=st.integers(1, 80),
    units=st.integers(1, 9),
    seed=st.integers(0, 2**31),
    dtype=st.sampled_from([torch.float64, torch.complex128]),
    with_state=st.booleans(),
)
def test_a_scan_is_the_loop(streams, tokens, units, seed, dtype, with_state):
    torch.manual_seed(seed)
    a, b = torch.randn(2, streams, tokens, units, dtype=dtype)
    a = a/a.abs().clamp(min=1)   # none grows
    state = torch.randn(streams, units, dtype=dtype) if with_state else None
    assert (scan(a, b, state) - one_by_one(a, b, state)).abs().max() < 1e-10


@pytest.mark.parametrize('name', ['minGRU', 'minGRU with a sign', 'minLSTM', 'LRU'])
def test_a_core_with_a_scan_has_the_same_gradients(name):
    torch.manual_seed(0)
    core, x = made(name, 6, 8), torch.randn(3, 37, 6, dtype=torch.float64)
    found = []
    for run in (one_by_one, scan):
        core.run = run
        core.zero_grad()
        core(x)[0].pow(2).sum().backward()
        found.append([p.grad.clone() for p in core.parameters()])
    for of_loop, of_scan in zip(*found): torch.testing.assert_close(of_loop, of_scan, rtol=1e-9, atol=1e-10)


# ---- in pieces as in one pass

@every_core
@pytest.mark.parametrize('how', ['alone', 'in a block', 'two of them', 'two blocks'])
def test_reading_in_pieces_gives_what_one_pass_gives(name, how):
    torch.manual_seed(1)
    core = made(name, 8, 8)
    if how == 'in a block': core = ResidualBlock(core)
    if how == 'two of them': core = StackedCore([core, made(name, 8, 8)])
    if how == 'two blocks': core = StackedCore([ResidualBlock(core), ResidualBlock(made(name, 8, 8))])
    core.double()
    x = torch.randn(2, 23, 8, dtype=torch.float64)
    whole, last = core(x)
    state, pieces = None, []
    for piece in x.split([1, 9, 2, 11], 1):
        out, state = core(piece, state)
        pieces.append(out)
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-9, atol=1e-10)
    states = [(s,) if isinstance(s, torch.Tensor) else s for s in (state, last)]
    for one, other in zip(*states): torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


@every_core
def test_nothing_looks_ahead(name):
    torch.manual_seed(2)
    core, x = made(name, 8, 8), torch.randn(2, 20, 8, dtype=torch.float64)
    other = x.clone()
    other[:, 12:] = torch.randn(2, 8, 8, dtype=torch.float64)
    before, after = core(x)[0], core(other)[0]
    assert torch.equal(before[:, :12], after[:, :12])
    assert ((before - after)[:, 12:].abs().amax(-1) > 0).all()


@every_core
def test_the_frame_keeps_the_state_and_forgets_it(name):
    torch.manual_seed(3)
    model = StatefulLM(CORES[name](16, 16), 10, n_emb=16, batchnorm=False).double()
    ids = torch.randint(10, (3, 30))
    whole = model(ids)
    model.reset()
    in_pieces = torch.cat([model(piece) for piece in ids.split(7, 1)], 1)
    torch.testing.assert_close(in_pieces, whole, rtol=1e-9, atol=1e-10)
    assert not any(part.requires_grad for part in model.state)


# ---- attention

@pytest.mark.parametrize('tokens', [PIECE - 1, PIECE, PIECE + 1, 3*PIECE + 5])
def test_a_long_text_is_read_in_pieces(tokens):
    torch.manual_seed(4)
    core = AttentionCore(8, 8, memory=2*PIECE).double()
    x = torch.randn(1, tokens, 8, dtype=torch.float64)
    torch.testing.assert_close(core(x)[0], core.look(x, x), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize('memory', [1, 4, 30])
def test_a_memory_ends(memory):
    torch.manual_seed(5)
    core = AttentionCore(8, 8, memory=memory).double()
    x = torch.randn(1, 40, 8, dtype=torch.float64)
    other = x.clone()
    other[:, 3] += 1
    changed = ((core(x)[0] - core(other)[0]).abs().amax((0, 2)) > 0).nonzero().flatten().tolist()
    assert changed == list(range(3, min(40, 3 + memory + 1)))
    assert core(x)[1].shape == (1, 1, memory, 8)


def test_attention_is_that_of_torch():
    torch.manual_seed(6)
    core = AttentionCore(12, 12, n_heads=3, memory=100, positions=False).double()
    x = torch.randn(2, 20, 12, dtype=torch.float64)
    theirs = nn.functional.scaled_dot_product_attention(
        core.heads(core.query(x)), core.heads(core.key(x)), core.heads(core.value(x)), is_causal=True)
    torch.testing.assert_close(core(x)[0], core.output(theirs.transpose(1, 2).flatten(2)))


def test_without_positions_the_order_of_the_past_is_nothing():
    torch.manual_seed(7)
    x = torch.randn(1, 9, 8, dtype=torch.float64)
    shuffled = torch.cat([x[:, torch.randperm(8)], x[:, 8:]], 1)
    for positions, differs in ((False, False), (True, True)):
        core = AttentionCore(8, 8, memory=20, positions=positions).double()
        if positions: nn.init.normal_(core.nearness)
        difference = (core(x)[0] - core(shuffled)[0])[:, -1].abs().max().item()
        assert (difference > 1e-6) == differs


# ---- LRU

def test_an_lru_is_a_matrix_in_other_coordinates():
    "A plain linear recurrence with a full matrix, taken apart into eigenvalues."
    torch.manual_seed(8)
    core = LRUCore(5, 6).double()
    x = torch.randn(1, 25, 5, dtype=torch.float64)
    lam = core.eigenvalues()
    P = torch.randn(6, 6, dtype=torch.complex128)
    A = P @ torch.diag(lam) @ torch.linalg.inv(P)
    _, b = core.factors(x)
    h, after = torch.zeros(6, dtype=torch.complex128), []
    for b_t in b[0]:
        h = A @ h + P @ b_t
        after.append(torch.linalg.inv(P) @ h)
    torch.testing.assert_close(core.read(torch.stack(after)[None], x), core(x)[0])


def test_an_lru_starts_in_its_ring_and_stays_inside_the_circle():
    lam = LRUCore(4, 5000, least=.9, most=.99, turn=math.pi/4).eigenvalues()
    assert .9 <= lam.abs().min() and lam.abs().max() <= .99
    assert 0 <= lam.angle().min() and lam.angle().max() <= math.pi/4
    core = LRUCore(4, 50)
    with torch.no_grad():
        for p in core.parameters(): p += 10*torch.randn_like(p)
    assert core.eigenvalues().abs().max() <= 1


def test_slow_clocks_are_no_louder_than_fast_ones():
    "With random inputs every unit's state is as large as one input's part in it, at the start."
    torch.manual_seed(10)
    core = LRUCore(8, 40, least=.1, most=.97)
    x = torch.randn(200, 300, 8)
    lam, (_, b) = core.eigenvalues(), core.factors(x)
    alone = (b/core.size.exp()).abs().pow(2).mean((0, 1))
    state = core(x)[1][0].abs().pow(2).mean(0)
    assert lam.abs().max() > .9 and lam.abs().min() < .4
    assert ((state/alone).log().abs() < .4).all()


# ---- what a state can hold on to

def test_one_sign_decides():
    "minGRU set by hand: its factor is -1 at a one and 1 at a zero, and it tells odd from even for ever."
    core = MinGRUCore(1, 1, lowest=-1)
    with torch.no_grad():
        core.input.weight.copy_(torch.tensor([[200.], [0.]]))   # gate, candidate
        core.input.bias.copy_(torch.tensor([-100., 0.]))
    bits, answers = counting(2, 4, 3000, torch.Generator().manual_seed(0))
    sign, _ = core(bits[..., None].float(), torch.ones(1, 4, 1))
    assert torch.equal((sign[..., 0] < 0).long(), answers)


def test_tasks_are_what_they_say():
    dice = torch.Generator().manual_seed(1)
    ids, answers = counting(5, 8, 60, dice)
    for row, said in zip(ids.tolist(), answers.tolist()):
        assert said == [sum(row[:t + 1]) % 5 for t in range(60)]
    ids, answers = as_many(200, 40, dice)
    for row, said in zip(ids.tolist(), answers.tolist()):
        n = row.count(1)
        assert 11 <= n <= 20 and row == [0]*n + [1]*n + [0]*(40 - 2*n)
        assert said == [NOT_ASKED]*n + [0]*(n - 1) + [1] + [NOT_ASKED]*(40 - 2*n)
    ids, answers = say_again(50, 41, dice)
    assert torch.equal(answers[:, 20:40], ids[:, :20]) and (ids[:, 20] == 9).all()
    assert (answers[:, :20] == NOT_ASKED).all() and (ids[:, 21:] == 0).all()


class Knows(nn.Module):
    "Answers a task without fault, or with one fault in each string."
    def __init__(self, task, faulty):
        super().__init__()
        self.task, self.faulty = task, faulty

    def reset(self): pass

    def forward(self, ids):
        _, answers = TASKS[self.task].make(len(ids), ids.shape[1], torch.Generator().manual_seed(999))
        answers = answers.clamp(min=0)
        if self.faulty: answers[:, -1 if self.task == 'parity' else ids.shape[1]//2] += 1
        return nn.functional.one_hot(answers, 12).double()


@pytest.mark.parametrize('task, share', [('parity', 7/8), ('as many', 0.)])
def test_the_share_right_is_counted_as_said(task, share):
    assert share_right(Knows(task, False), task, 60) == 1
    assert share_right(Knows(task, True), task, 60) == pytest.approx(share)


def test_a_table_overwrites():
    "With a beta of 1 what stood under a key is gone."
    torch.manual_seed(9)
    core = DeltaCore(8, 8, n_heads=1).double()
    with torch.no_grad(): core.rate.bias.fill_(100)   # beta is 1
    x = torch.randn(1, 5, 8, dtype=torch.float64)
    _, value, _, beta = core.prepare(x)
    assert (beta == 1).all()
    key = core.prepare(x)[0][0, -1, 0]
    table = core(x)[1][0, 0, 0]
    torch.testing.assert_close(table @ key, value[0, -1, 0])
