"""Every notebook through nbdev_test, each in a process of its own."""
import pytest
from conftest import BIN, NBS, NOTEBOOKS, ROOT, run

CHAPTERS = '00_data C_drawing 00_training 01_single_output 02_stateful 03_nn_rnn 04_two_layers 05_gru 06_claims 07_lstm 08_gradients 09_ceiling 10_counting 11_adapt 12_generalise H_cli index'.split()


def test_all_chapters_are_there():
    assert {p.stem for p in NOTEBOOKS if p.parent == NBS} >= set(CHAPTERS)


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda p: p.relative_to(NBS).as_posix())
def test_notebook(path):
    done = run(BIN/'nbdev_test', '--path', path, '--n_workers', '0', '--do_print', env={'PYTHONPATH': str(ROOT)}, check=False)
    said = done.stdout + done.stderr
    # nbdev_test also ends with 0 when it found nothing to do, so the word counts as well
    assert done.returncode == 0 and 'Success' in said and path.name in said, said[-4000:]
