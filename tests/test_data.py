"""The text, its tokens and its streams: what chapter "The data" shows, and more numbers than it shows."""
import pytest
import torch

from rnn_course.data import SPLITS, Streams, Vocab, get_dls, human_numbers, spell, tokenize, training_vocab

TRAIN, VALID = tokenize(human_numbers('train')), tokenize(human_numbers('valid'))


def test_no_two_numbers_are_spelled_alike():
    assert spell(9999) == 'nine thousand nine hundred ninety nine'
    assert len({spell(n) for n in range(1, 10000)}) == 9999


def test_the_splits_are_those_of_the_original():
    train, valid = human_numbers('train'), human_numbers('valid')
    assert (len(train), len(valid)) == (7999, 1999)
    assert train[:3] == ['one', 'two', 'three']
    assert valid[-1] == spell(9999)
    assert 'eight thousand' not in train + valid
    assert not set(SPLITS['train']) & set(SPLITS['valid'])


def test_tokens():
    assert tokenize(['one', 'two']) == ['xxbos', 'one', ',', 'two']
    assert (len(TRAIN), len(VALID)) == (50079, 13017)


def test_decoding_undoes_encoding():
    vocab = training_vocab()
    assert vocab.itos == Vocab(TRAIN).itos and len(vocab) == 31
    assert vocab.decode(vocab.encode(VALID)) == VALID   # validation has no unknown word


def test_no_thousand_of_validation_is_in_training():
    before = [{a for a, b in zip(tokens, tokens[1:]) if b == 'thousand'} for tokens in (TRAIN, VALID)]
    assert before[1] == {'eight', 'nine'} and not before[0] & before[1]


@pytest.mark.parametrize('seq_len', [1, 2, 3, 4])
def test_targets_are_the_next_tokens(seq_len):
    streams = Streams(torch.arange(13), bs=3, seq_len=seq_len)
    widths = [x.shape[1] for x, y in streams]
    assert sum(widths) == 4 and max(widths) == seq_len
    for x, y in streams: assert torch.equal(y, x + 1)   # across the rows' ends too


def test_a_shorter_last_window_can_be_left_out():
    assert len(Streams(torch.arange(13), bs=3, seq_len=3, drop_last=True)) == 1


def test_a_row_goes_on_from_the_same_row_of_the_batch_before():
    dls = get_dls()
    first_60 = torch.cat([x[1] for x, y in list(dls.train)[:3]])
    assert dls.vocab.decode(first_60) == TRAIN[782:842]   # a stream has 782 tokens
    for x, y in list(dls.train)[:5] + list(dls.valid): assert torch.equal(x[:, 1:], y[:, :-1])


def test_other_ranges_have_the_same_vocabulary():
    tuning = get_dls(train=range(1, 7000), valid=range(7000, 8000))
    assert tuning.vocab.itos == training_vocab().itos
