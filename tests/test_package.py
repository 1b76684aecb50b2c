"""The package as others get it: a wheel, in an environment with a current fastai."""
import os
import sys
import zipfile

import pytest
from conftest import MODULES, ROOT, run

USE = f'''
import importlib, sys, pathlib
import fastai, fastcore, rnn_course
from rnn_course.recipes import RECIPES, train
from rnn_course.training import evaluate
for name in {MODULES}: importlib.import_module('rnn_course.' + name)
learn = train('single_output', epochs=1, quiet=True)
where = pathlib.Path(rnn_course.__file__).parent.parent
scores = evaluate(learn.model, learn.dls.valid)
print(where, fastai.__version__, fastcore.__version__, sorted(RECIPES), scores)
'''
INTO_THE_WHEEL = [
    'rnn_course', 'nbs', 'images',
    'setup.py', 'pyproject.toml', 'settings.ini', 'README.md', 'LICENSE',
]


def pip_install(folder, *what):
    command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder, *what]
    done = run(*command, check=False)
    if done.returncode and 'CI' not in os.environ:
        pytest.skip(f'pip could not install {what}: {done.stderr[-300:]}')
    assert done.returncode == 0, done.stderr


def run_installed(folder, *args, **options):
    "Run Python in `folder`, with the package that pip put into its `site`."
    return run(sys.executable, *args, cwd=folder, env={'PYTHONPATH': str(folder/'site')}, **options)


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    "A wheel, built from a copy so that no build/ is left behind."
    copy = tmp_path_factory.mktemp('source')
    out = tmp_path_factory.mktemp('wheel')
    for name in run('git', 'ls-files', *INTO_THE_WHEEL).stdout.splitlines():
        (copy/name).parent.mkdir(parents=True, exist_ok=True)
        (copy/name).write_bytes((ROOT/name).read_bytes())
    run(sys.executable, '-m', 'build', '--wheel', '--no-isolation', '--outdir', out, copy)
    return next(out.glob('*.whl'))


def test_wheel_holds_the_package_and_nothing_else(wheel):
    sys.path.insert(0, str(ROOT/'tools'))
    from try_wheel import MOST, expected
    names = {name for name in zipfile.ZipFile(wheel).namelist() if '.dist-info/' not in name}
    assert names == set(expected())
    assert wheel.stat().st_size <= MOST
    some = ['gru.py', 'py.typed', 'nbs/05_gru.ipynb', 'nbs/results/gru.safetensors', 'images/rnn.svg']
    assert {f'rnn_course/{name}' for name in some} <= names


def test_installed_elsewhere_it_works(wheel, tmp_path):
    pip_install(tmp_path/'site', wheel)
    said = run_installed(tmp_path, '-W', 'ignore', '-c', USE).stdout
    assert said.startswith(str(tmp_path/'site'))
    assert 'Scores(' in said
    assert "'two_layers'" in said


def test_works_with_a_current_fastai(wheel, tmp_path):
    current = ['fastai==2.8.12', 'fastcore>=2,<3', 'fasttransform', 'fastprogress', 'plum-dispatch']
    pip_install(tmp_path/'site', wheel, *current)
    where, fastai, fastcore, *rest = run_installed(tmp_path, '-W', 'ignore', '-c', USE).stdout.split()
    assert fastai == '2.8.12'
    assert fastcore.startswith('2.'), fastcore


def test_command_line(wheel, tmp_path):
    pip_install(tmp_path/'site', wheel)

    def rnn_course(*args):
        command = 'import sys; from rnn_course.cli import main; sys.exit(main())'
        return run_installed(tmp_path, '-c', command, *args, check=False)

    helped = rnn_course('--help')
    assert helped.returncode == 0 and 'study' in helped.stdout
    unknown = rnn_course('tabel')
    assert unknown.returncode == 2 and "'tabel'" in unknown.stderr and 'Traceback' not in unknown.stderr
    missing = rnn_course('table', '--folder', 'nowhere')
    assert missing.returncode == 2 and 'nowhere' in missing.stderr and 'Traceback' not in missing.stderr
    printed = rnn_course('table')
    assert printed.returncode == 0 and '83.8' in printed.stdout
    assert rnn_course('count', 'two hundred ninety nine ,', '--n', '3').stdout == 'three hundred ,\n'
    assert rnn_course('notebooks', 'course').returncode == 0
    for name in ('05_gru.ipynb', 'solutions/05_gru.ipynb', 'results/gru.csv', 'images/rnn.svg'):
        assert (tmp_path/'course'/name).is_file()
