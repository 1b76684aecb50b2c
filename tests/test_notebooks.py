"""Every notebook through nbdev_test, each in a process of its own."""
from conftest import BIN, NOTEBOOKS, ROOT, every_notebook, is_of_the_course, run


def test_every_notebook_is_tested():
    "All that git knows; not even one that is lost goes unnoticed."
    known = [ROOT/name for name in run('git', 'ls-files', 'nbs/*.ipynb').stdout.splitlines()]
    known = [path for path in known if is_of_the_course(path)]
    assert known
    assert set(known) <= set(NOTEBOOKS)


@every_notebook
def test_notebook(path):
    command = [BIN/'nbdev_test', '--path', path, '--n_workers', '0', '--do_print']
    done = run(*command, env={'PYTHONPATH': str(ROOT)}, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-4000:]
    # nbdev_test also ends with 0 when it found nothing to do, so the word counts as well
    assert 'Success' in said and path.name in said, said[-4000:]
