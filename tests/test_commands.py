"""The runner behind `make course`: a failed chapter is named, with its cell and error."""
import sys

import nbformat
from conftest import NBS, ROOT, label, run


def test_a_failed_notebook_is_named(project):
    bad = project/'nbs'/'99_bad.ipynb'
    cells = [nbformat.v4.new_code_cell(source) for source in ('1 + 1', '1 / 0')]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), bad)
    done = run(sys.executable, 'tools/run_notebooks.py', bad, cwd=project, check=False)
    assert done.returncode == 1
    for part in ('99_bad.ipynb, cell 1', '1 / 0', 'ZeroDivisionError', 'failed: 99_bad.ipynb'):
        assert part in done.stdout + done.stderr
    assert '1 + 1' not in done.stdout


def test_running_a_notebook_changes_no_tracked_file(project):
    path = project/'nbs'/'C_drawing.ipynb'
    before = path.read_bytes()
    done = run(sys.executable, 'tools/run_notebooks.py', path, cwd=project)
    assert path.read_bytes() == before
    assert (project/'build'/'course'/'C_drawing.ipynb').exists()
    assert '1 of 1 notebooks ran' in done.stdout


def test_the_runner_finds_all_chapters():
    sys.path.insert(0, str(ROOT/'tools'))
    from run_notebooks import chapters, notebooks
    assert {label(path) for path in chapters()} >= {'00_data.ipynb', '06_claims.ipynb', 'index.ipynb'}
    assert set(notebooks()) - set(chapters()) == set((NBS/'solutions').glob('*.ipynb'))
